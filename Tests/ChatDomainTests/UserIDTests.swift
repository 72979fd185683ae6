import ChatDomain
import Testing

struct UserIDTests {
    @Test(arguments: [
        "a", "ada", "Ada", "ada@example.com", "auth0|5f7c8ec7", "did:plc:z72i7hdynmk6r22z27h6tvur", "!", "~", "*",
        "7c9e6679-7425-40de-944b-e07fc1f90ae7", String(repeating: "x", count: 128),
    ])
    func `an id consists of 1 to 128 visible ASCII characters`(_ text: String) {
        let id = UserID(text)
        #expect(id?.value == text)
        #expect(id.stored == text)
        #expect(UserID(stored: text) == id)
    }

    @Test(arguments: [
        "", " ", "ada ", "ada lovelace", "\0", "a\0", "a\n", "\t", "a\u{7F}", "a\u{85}", "\u{E9}", "e\u{301}",
        "a\u{202E}b", String(repeating: "x", count: 129),
    ])
    func `no other text is an id`(_ text: String) {
        #expect(UserID(text) == nil)
    }

    @Test func `no author is stored as an empty text`() {
        let nobody: UserID? = nil
        #expect(nobody.stored == "")
        #expect(UserID(stored: nobody.stored) == nil)
        #expect(Caller.anonymous.author == nil)
    }
}
