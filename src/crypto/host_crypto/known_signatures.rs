//! Signatures that are known to be good, made once with OpenSSL by keys that were then thrown away.

use super::super::Algorithm;

/// What was signed.
pub(super) const MESSAGE: &[u8] = b"jwt-auth-filter";

/// A signature over [`MESSAGE`].
pub(super) struct KnownSignature {
    pub(super) algorithm: Algorithm,
    /// The public key, in PEM.
    pub(super) key: &'static str,
    /// The signature as a JWS carries it, in base64url.
    pub(super) signature: &'static str,
}

/// One signature for each algorithm that a host may check.
pub(super) const KNOWN_SIGNATURES: [KnownSignature; 6] = [
    KnownSignature {
        algorithm: Algorithm::RS256,
        key: RSA_KEY,
        signature: "OttMDmcp6sju6XW0dGgQKJnJDbQcmhQ1luKUDJRBKEGlFebYHNWJD3irccYm8QNtsakHR-D6VNF5BoG_qq67OM4cMx\
                    WCcNIr2EK6qBu-atvi6iVyJLGciGhwA08-6Hf-PcljizXOZ27C5-zxMvVWL4Nnbcec17NQEUDO7LygS_3UD-l163rZ\
                    R_KGzN87JcmI8ErvtKPMWgM2Mjp4RY_qYzyj8bBr7XsqDamHePB1OeHyS3AxfC_ZcxPRjzYNrjslCboKt3WzBskLEy\
                    -iX2qi_5bL9KsPz0lSpJOrv6Nm2ld6uhDaFZKPMkXpsNJRgAy3B6zxj8o2cR3FBGjj1mynIQ",
    },
    KnownSignature {
        algorithm: Algorithm::RS384,
        key: RSA_KEY,
        signature: "BVO3gbOfaPzV7t4Us-o4B6FZq3ztmTcmeQHbG7p4XI7KFnrYj-4J6eA0lAnPY6QFSRF73MNjFsbQ1cfz7-gamO6ZoY\
                    X39D1yFJJ8t02rFqzv_IC4ZWI2M6SkOoLVtrXx-fXpcbLvM9dIqj2Yf9nXJXJ9XscxxblZ7G2xpvPpN0f37Gz64mvO\
                    3RuF7LA-WQJCwK3LMIbe2qq4UIAvxoxFTgSfjh1jylDXGbMQVat-izOmYdNuN6Gno1J6ZeeElhL5I3nl118HCuT9yz\
                    hZnxk1iYbS_wa64J6R4exHKBfmhW5bsANolcbGMHGsPX1rWQhFYceztZnE01eofrGgxyUIjQ",
    },
    KnownSignature {
        algorithm: Algorithm::RS512,
        key: RSA_KEY,
        signature: "WpxhXUtOc_JYKarKVNwSlFY7E-5kPJazE_MYBD-ehgOikL1AkeaLOZQboarVYDY1PWHFcv2AY0J_W3EB_X7XzigFre\
                    Gcbhmttjdq1EOBgRsUqIUELwyVPV6cod9iWKZtO_SDxm3x89QxfkRpT_MXibX9t4IZeNf8oxqBPOxGD_h3UuGOgH3L\
                    6WDnl_ZUFW3ywtjPJnLIH0_8AqVneVcsCctyiA6RPrUImoOya6aa2hlKrxFdVRqJ68-wdV-hInPAIs0gi1b3-6FiSX\
                    4jmws9-JBbgn58crenl_be1v9RWf1iqt6iXw_CL3mgFV4SlnwFts_iHtnkDmUbiqOZWzCP6g",
    },
    KnownSignature {
        algorithm: Algorithm::ES256,
        key: P256_KEY,
        signature: "pps8JmnMpuCG2-5o4X8g2eV16xbYUVnko9VmSkBdFav6-yVzPcIfNdxIDs57YDrK6i0n4RbvToqKfmzBEXeeqQ",
    },
    KnownSignature {
        algorithm: Algorithm::ES384,
        key: P384_KEY,
        signature: "RWdHac1hh62DdXUgitVLWQWH9YBdir7HAaneXU7-i4JOetgDExKdHAy5o34r0UQR7LQHPDuELk81-sBolfg_sIQigF\
                    URuDZB9YwMB7lc-5JoLUmjp-Q_cRCtii357D0d",
    },
    KnownSignature {
        algorithm: Algorithm::ES512,
        key: P521_KEY,
        signature: "AcF0dU6NV0LpwLKeire6Snm12-nz1dLkN-PSwo6YRKvG5Oyj8y1zV8lPxko2TKvVbdfwbE--CT_xBUC20VeDgbnqAF\
                    XuQHw2UO6-y5Qs0cXx_33TtfUpJWqEIbAusLzc85C9Dqo2J57u30h3l0NT1rPmBWcaa2LJjfNI9TrdyDqk7xvU",
    },
];

const RSA_KEY: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA/FGBGiFRVNWwjEUUEt49
5SxPxfkuh+e02QcJiG1mWgIab+nHq6yV+XBlMbwF57utSzUF4EA0sTVG1XwzAPO+
J2Fx9WTTb/VndTW7hk6gxGjjhZetUklx6EX34pTmYhNFaqA4c0sAz9gdilTa2Gvz
tq9wuutAYkD25sYzvPMbH8LeSWN5ZpWEIewaWTzh/wkZi3jwgWAxwcSm+GV4IzU1
DXtq+td65//sYB67ldcVoEredePb/MqjROjA4Q4ZDQz3S6go823tT+8wmF9l+sxF
3Slk71ZUXpBp1kK2sXMTOh4429FyFUiy6v1r6HcWC1xo0e46TiIRiPCkas48xnof
OwIDAQAB
-----END PUBLIC KEY-----";

const P256_KEY: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEKC2Jc+AT9vWF9ajlwPkumEw75bKF
0aMeELYhQVhhWO6s4RK/z76k0kIFDsbhr2LT2qtRHZt7EO1jm9wZQ44oHw==
-----END PUBLIC KEY-----";

const P384_KEY: &str = "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEyPdkBuvmUNE2mMP1TKMPrRsoaPL1ft4C
lQjWmUIXdmpATHHVBAWmYrDxNJrxre0CljRicu07qs/j94SlSRwCR3LgCG3U8jdl
xG8De132TgRWFR/Xu8w3dsssIJeZPoC5
-----END PUBLIC KEY-----";

const P521_KEY: &str = "-----BEGIN PUBLIC KEY-----
MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQBJ5up3V+DUt+KTUg+ppVTKsYa8bMJ
kOXjbkuBX8APKF50+rrtV+ZJkfXWsfulbvNfSpAkYtwZdd1QJEegeoePex8ABHJk
kh23+ppbDy1V1qh87Sy5Xk/6Nc1Y0vcNdSiJIstyPwrH6L2qY5zO/Zs/AaC3YD3b
XVN8iUQksiRHurnRHW4=
-----END PUBLIC KEY-----";
