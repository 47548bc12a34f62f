// Prints tokens that golang-jwt has signed, for each algorithm that it and the filter know, with keys in PEM from the folder that
// is named. The second argument is the library's version, which it does not know itself.
package main

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"

	"github.com/golang-jwt/jwt"
)

const exp = 4102444800 // 2100-01-01

type made struct {
	Name  string      `json:"name"`
	Key   interface{} `json:"key"`
	Token string      `json:"token"`
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func sign(name string, method jwt.SigningMethod, key interface{}) string {
	claims := jwt.MapClaims{"iss": "golang-jwt/" + name, "sub": "interoperability", "exp": exp}
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	must(err)
	return token
}

func private(file string, pem []byte) (key crypto.PrivateKey, err error) {
	switch file {
	case "rsa":
		return jwt.ParseRSAPrivateKeyFromPEM(pem)
	case "ed25519":
		return jwt.ParseEdPrivateKeyFromPEM(pem)
	}
	return jwt.ParseECPrivateKeyFromPEM(pem)
}

func main() {
	read := func(name string) []byte {
		octets, err := os.ReadFile(os.Args[1] + "/" + name)
		must(err)
		return octets
	}
	secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(read("secret"))))
	must(err)
	oct := map[string]string{"kty": "oct", "k": base64.RawURLEncoding.EncodeToString(secret)}
	tokens := []made{}
	for _, name := range []string{"HS256", "HS384", "HS512"} {
		tokens = append(tokens, made{name, oct, sign(name, jwt.GetSigningMethod(name), secret)})
	}
	names := "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA"
	files := strings.Fields("rsa rsa rsa rsa rsa rsa p256 p384 p521 ed25519")
	for at, alg := range strings.Fields(names) {
		key, err := private(files[at], read(files[at]+".pem"))
		must(err)
		name := strings.Replace(alg, "EdDSA", "EdDSA on Ed25519", 1)
		tokens = append(tokens, made{name, string(read(files[at] + ".pub.pem")), sign(name, jwt.GetSigningMethod(alg), key)})
	}
	all := map[string]interface{}{"library": "golang-jwt", "language": "Go", "version": os.Args[2], "tokens": tokens}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", " ")
	must(out.Encode(all))
}
