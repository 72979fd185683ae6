import Crypto
import FoundationEssentials
import JWTKit

/// Keys for signing, and the JWK of each for verifying.
enum TestKeys {
    static let secret = "a secret of more than thirty-two bytes"
    static let otherSecret = "another secret of more than 32 bytes"

    /// Generated for these tests; generating one at run time takes seconds in a debug build.
    static let rsaPEM = """
        -----BEGIN PRIVATE KEY-----
        MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQC92JXZkVnF8nwY
        vMpAGERu3loOSO6adRdiyr9y7r/f7KtMBtfrteAaDchJQ+a0oTWMQtmzRB+mv0xh
        JCo1WqprML12iG4iOTtO6gd882MQ4jN4LAylNDAS9tx30V7h+5wh4LMeEMF4g3OE
        CC4PQJnaTyV7ZOfCT+rT7LhSTdoipxC8QqtvAcC60g+FGEDqQrZ1boL4evU+PzS+
        W01TGh/sN3ZvNX6OtDShKCsPDv8DxCRGr7uHT0cLjFYsNR/pm4FpR6uJ+g1A5YAy
        CWU8nrb6jT+5HUA2kE82bDsGUVaPW9mOgd0hLWoieitv5zQEv6CK6eernfcP5NL6
        TGWW1G7rAgMBAAECggEABEMfD0gxwyImwmDY+d6xmzIuVvww58AfX6UTN7RI7zoj
        9GMUX8eVVTmN2Kj1h6laB3xVl+U8kq3gYJ0VdTkNO//XWRhrLbdgyyNoXupszity
        fV9pg9aQUyuHhOTY0Y/fWUg4ZBzEVX1jKuUvQviLQEtoK4VAN6OEr13HQC3Kj5T+
        lNQl/FvEi+aLSNqOegzbS+ZXZM4hmru6DFHjhcBbjGh5ymnIbUigElmx1uKRRh8i
        tQbPjYlvZGIH2vbQVDKOaHO900CaJHSB6/+Ly4oOWW6EIqXR5vtmR1atYB22m65Z
        XyyALx9yxZuy+09LW+vle6Vaes+RnZT8q6FzQ22zpQKBgQDf5rYLuqvIq6QJw6jT
        5xh9x9pX/MZ++MP48G1LNiPaSd7ByKwtCWQbRtL9pgb3yjqpd9oyW0RvV0ClzA42
        vg8nYbAD1HG48V9/4T/J4gsNEFmuJaiACPs9jbrq1Sx/QiBetf5CdWeBEBB1Z+SN
        AWZoQDsiw2fLCeSYjnF+bT9itwKBgQDZEAgjfM03vB8dPK81ujfLWxvdlRJoLVBY
        l2uE4PgVgTwTIirrgHtZGWahWQDXl+q+mSFrIr+azXAl3mnrkRQR0p+/P5fR+59J
        0AECNCnfd+OiRnlEBYmD9zG3mi445y7LWVZ9vhGQc7PjqiHtuheLENwb1fJdyG2f
        ln+qBsDRbQKBgGrYQ8MxH0yxa6QlNGl6fBt5xV37iBWLTKl8wgsEGPPQEHbU9iS/
        uH+zunfERMr2PCwmv38MQooHTxhPWfERnVWjrkUFmgcxV+tEaBZEwhVH2iPaYKBI
        qOvkuG/brlJEEgJgQqcgM3ZJXjFIlK4dHutcy1t5eAxR+j46qzozk+3dAoGASRcw
        5mI76CycfYfVp83Qw9UmCPMNg67egzZZqiDm6Lbft8Glmi9lWZdIC8Sgl/g7v3po
        2l6VDldnEBlYqU3s6CN4TznmsXp9JKm57TgLcYg5SodYhiMnLxypzR1Juzd9dlPa
        3/SEjZOoW10Kl7Y1/0nqFCVyu0mmQDq5OlOT0fECgYADxPLCZGOWuhhJbMqre3NA
        VZ2JBWD1L4fyWTphwlSgm+eIX2tolHEVkpr+sZIDY++YSu9NtjmAvJg/N//J1QcH
        hYI4JceZWtzgPesqK7OSDYfifJ7XWGzL4t+Tn8l+e/67oREhD0LKyXg3vvEcuENt
        bZJyq9ZRa0qExjXmyV1kHA==
        -----END PRIVATE KEY-----
        """

    /// The modulus of a key with 1,024 bits.
    static let shortModulus =
        "wGKMZt8kRipEiBcXyefn4tOPLDYkl-4en1Slu9cvu4CQWFFlwwq2ERSn8N-6fTgRk4zHSKXi_gotb_U5omMLy7btowwE2XmzKblz"
        + "pSRlPfgDESe1nlEtifGnBm5-OboHIAf-6uW2TE3JlR-02vd9ueMB49GlW84QGY8ElQRB3Ck"

    static func rsa() throws -> JWTKit.Insecure.RSA.PrivateKey {
        try JWTKit.Insecure.RSA.PrivateKey(pem: rsaPEM)
    }

    static func jwk(rsa key: JWTKit.Insecure.RSA.PrivateKey, _ members: [String: String] = [:]) throws -> [String:
        String]
    {
        let (modulus, exponent) = try key.publicKey.getKeyPrimitives()
        return ["kty": "RSA", "n": modulus.base64URL, "e": exponent.base64URL].merging(members) { $1 }
    }

    /// - Parameter point: The raw representation of the public key.
    static func jwk(curve: String, point: Data, _ members: [String: String] = [:]) -> [String: String] {
        let half = point.count / 2
        let key = ["kty": "EC", "crv": curve, "x": point.prefix(half).base64URL, "y": point.suffix(half).base64URL]
        return key.merging(members) { $1 }
    }

    static func jwk(ed25519 key: Curve25519.Signing.PublicKey, _ members: [String: String] = [:]) -> [String: String] {
        ["kty": "OKP", "crv": "Ed25519", "x": key.rawRepresentation.base64URL].merging(members) { $1 }
    }

    static func jwk(secret: some DataProtocol, _ members: [String: String] = [:]) -> [String: String] {
        ["kty": "oct", "k": Data(secret).base64URL].merging(members) { $1 }
    }

    static func set(_ keys: [[String: String]]) throws -> Data {
        try JSONEncoder().encode(["keys": keys])
    }
}

extension Data {
    var base64URL: String {
        base64EncodedString(options: [.base64URLAlphabet, .omitPaddingCharacter])
    }
}
