import ChatPages
import ChatTestSupport
import Testing

/// The pages that people open in a browser, and the files they need.
@Suite(.timeLimit(.minutes(5)))
struct PageTests {
    @Test(arguments: PageFile.all.map(\.path))
    func `a file is served with its type, and again only when it has changed`(_ path: String) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let response = try await client.send("GET", path)
            #expect(response.status == 200)
            let file = try #require(PageFile.all.first { $0.path == path })
            #expect(response.headers["content-type"] == file.mediaType.rawValue)
            #expect(!response.body.isEmpty)
            let tag = try #require(response.headers["etag"])
            let again = try await client.send("GET", path, headers: ["If-None-Match": tag])
            #expect(again.status == 304)
            #expect(again.body.isEmpty)
            // The browser then applies the policy of the 304 to the page in its cache.
            #expect(again.headers["content-security-policy"] == response.headers["content-security-policy"])
            let changed = try await client.send("GET", path, headers: ["If-None-Match": "\"0000000000000000\""])
            #expect(changed.status == 200)
            #expect(changed.body == response.body)
        }
    }

    @Test(arguments: ["/", "/chat", "/chat/", "/admin", "/admin/"])
    func `a page runs nothing but scripts of this server, and refers to them relatively`(_ path: String) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let response = try await client.send("GET", path)
            let policy = try #require(response.headers["content-security-policy"])
            #expect(policy.hasPrefix("default-src 'none';"))
            #expect(policy.contains("frame-ancestors 'none'"))
            #expect(policy.contains("require-trusted-types-for 'script'"))
            #expect(!policy.contains("unsafe"))
            #expect(!response.text.contains("{{"))
            let references = response.text.matches(of: /(?:src|href)="([^"]*)"/).map { String($0.1) }
            #expect(!references.isEmpty)
            let root = path.count > 1 && path.hasSuffix("/") ? "../" : ""
            let links = ["chat", "admin", "docs", "client.js", "llms.txt"]
            for reference in references {
                let isOfServer = reference.hasPrefix(root + "pages/") || ([root + "."] + links).contains(reference)
                #expect(isOfServer || reference.hasPrefix("#"), "\(reference)")
            }
        }
    }

    @Test func `the chat page knows whether it needs a token`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            try await withServer(store) { client in
                let page = try await client.send("GET", "/chat")
                #expect(page.text.contains(#"data-access="open""#))
            }
            try await TestAccess(store).withServer { client in
                let page = try await client.send("GET", "/chat")
                #expect(page.text.contains(#"data-access="required""#))
            }
        }
    }

    @Test func `a chat can be embedded by pages of the listed origins only`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            try await withServer(store) { client in
                let response = try await client.send("GET", "/embed/chat/7")
                #expect(response.status == 404)
            }
            let origins = ["https://app.example", "https://www.app.example:8443"]
            try await withServer(store, embedOrigins: origins) { client in
                for (path, root) in [("/embed/chat/7", "../../"), ("/embed/chat/7/", "../../../")] {
                    let page = try await client.send("GET", path)
                    let policy = try #require(page.headers["content-security-policy"])
                    #expect(policy.contains("frame-ancestors https://app.example https://www.app.example:8443;"))
                    #expect(page.text.contains(#"data-embedders="https://app.example https://www.app.example:8443""#))
                    #expect(page.text.contains("src=\"\(root)pages/embed.js\""))
                    #expect(!page.text.contains("{{"))
                }
                let page = try await client.send("GET", "/chat")
                #expect(page.headers["content-security-policy"]?.contains("frame-ancestors 'none'") == true)
            }
        }
    }

    @Test func `the pages refer only to files that are served`() async throws {
        let paths = Set(PageFile.all.map(\.path))
        for file in PageFile.all + [.embedded] {
            let text = String(decoding: file.content, as: UTF8.self)
            for reference in text.matches(of: /(?:src|href)="\{\{root\}\}(pages\/[^"]*)"/) {
                #expect(paths.contains("/" + reference.1), "\(file.path)")
            }
            for reference in text.matches(of: /^import .* from "\.\/([^"]*)";$/.anchorsMatchLineEndings()) {
                #expect(paths.contains("/pages/" + reference.1), "\(file.path)")
            }
        }
    }
}
