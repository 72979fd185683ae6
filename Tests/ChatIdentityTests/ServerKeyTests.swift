import ChatIdentity
import Testing

struct ServerKeyTests {
    @Test func `a generated key is parsed as itself`() throws {
        let key = ServerKey()
        let parsed = try #require(ServerKey(key.text))
        #expect(parsed.id == key.id)
        #expect(parsed.text == key.text)
        #expect(parsed.matches(secretHash: key.secretHash))
        #expect(key.id.utf8.count == 12)
        #expect(key.text.utf8.count == "sk_".utf8.count + 12 + 1 + 43)
    }

    @Test func `generated keys differ`() {
        let keys = (0..<100).map { _ in ServerKey() }
        #expect(Set(keys.map(\.id)).count == 100)
        #expect(Set(keys.map(\.secretHash)).count == 100)
    }

    @Test func `only the hash of the secret matches`() throws {
        let key = ServerKey()
        #expect(!key.matches(secretHash: ServerKey().secretHash))
        #expect(!key.matches(secretHash: []))
        #expect(!key.matches(secretHash: Array(key.secretHash.dropLast())))
        #expect(!key.matches(secretHash: key.secretHash + [0]))
        // echo -n 01234567890123456789012345678901 | sha256sum
        let known = try #require(ServerKey("sk_billing_01234567890123456789012345678901"))
        #expect(known.id == "billing")
        #expect(known.secretHash.prefix(4) == [0x86, 0x10, 0x09, 0xec])
    }

    @Test func `a secret may contain any character of base64url`() throws {
        let text = "sk_a_" + "_-" + String(repeating: "_", count: 30)
        #expect(try #require(ServerKey(text)).text == text)
    }

    @Test(arguments: [
        "", "sk", "sk_", "sk__", "sk_a", "sk_a_", "sk_a_short",
        "sk_a_" + String(repeating: "s", count: 31),
        "sk_a_" + String(repeating: "s", count: 129),
        "sk__" + String(repeating: "s", count: 32),
        "sk_a-b_" + String(repeating: "s", count: 32),
        "sk_" + String(repeating: "i", count: 33) + "_" + String(repeating: "s", count: 32),
        "SK_a_" + String(repeating: "s", count: 32),
        " sk_a_" + String(repeating: "s", count: 32),
        "sk_a_" + String(repeating: "s", count: 32) + "\n",
        "sk_a_" + String(repeating: "é", count: 32),
    ])
    func `a text of another form is rejected`(_ text: String) {
        #expect(ServerKey(text) == nil)
    }

    @Test func `a key does not print its secret`() {
        let key = ServerKey()
        let secret = key.text.suffix(43)
        var dumped = ""
        dump(key, to: &dumped)
        for text in ["\(key)", String(reflecting: key), String(describing: [key]), dumped] {
            #expect(text.contains(key.id))
            #expect(!text.contains(secret.prefix(8)))
        }
    }

    @Test func `a server key is told from a token by its prefix`() {
        #expect(ServerKey.isCandidate(ServerKey().text))
        #expect(ServerKey.isCandidate("sk_garbage"))
        #expect(!ServerKey.isCandidate(HostileToken.signed()))
        #expect(!ServerKey.isCandidate(""))
    }
}
