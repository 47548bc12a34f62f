# Prints tokens that the gem jwt has signed, for each algorithm that it and the filter know, with keys in PEM from the folder that
# is named.

require "json"
require "jwt"

EXP = 4_102_444_800 # 2100-01-01
FILES = {
  "RS256" => "rsa", "RS384" => "rsa", "RS512" => "rsa", "PS256" => "rsa", "PS384" => "rsa", "PS512" => "rsa",
  "ES256" => "p256", "ES384" => "p384", "ES512" => "p521"
}.freeze

folder = ARGV.fetch(0)
claims = ->(name) { { iss: "ruby-jwt/#{name}", sub: "interoperability", exp: EXP } }
secret = File.read("#{folder}/secret").unpack1("m")
oct = { kty: "oct", k: [secret].pack("m0").tr("+/", "-_").delete("=") }
tokens = %w[HS256 HS384 HS512].map { |name| { name: name, key: oct, token: JWT.encode(claims[name], secret, name) } }
FILES.each do |name, file|
  key = OpenSSL::PKey.read(File.read("#{folder}/#{file}.pem"))
  tokens << { name: name, key: File.read("#{folder}/#{file}.pub.pem"), token: JWT.encode(claims[name], key, name) }
end
puts JSON.pretty_generate(library: "ruby-jwt", language: "Ruby", version: JWT.gem_version.to_s, tokens: tokens)
