import ChatAPI
import ChatLive
import ChatSQLite
import ChatTestSupport
import Foundation
import Hummingbird
import Testing

/// The OpenAPI document and the pages that show it.
@Suite struct DocumentationTests {
    @Test func `the OpenAPI document has every route and no others`() async throws {
        try await withSQLite(.memory) { store in
            let service = ChatService(store: store, documentationAssets: "", servesPages: false)
            let routes = Router(await service.routes(hub: EventHub(store)), service.authenticator).routes
                .map { "\($0.method.rawValue) \($0.path)" }
                .filter { $0 != "GET /" && !$0.contains("/docs") && $0 != "GET /redoc" && $0 != "GET /openapi.json" }
            let document = try await withServer(store) { try await $0.send("GET", "/openapi.json") }
            #expect(document.status == 200)
            #expect(document.headers["content-type"] == "application/json")
            #expect(try document.json["openapi"] == "3.1.0")
            let operations = try document.json["paths"]?.members.flatMap { path, item in
                item.members.keys.filter { $0 != "parameters" }.map { method in
                    "\(method.uppercased()) \(path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path)"
                }
            }
            #expect(operations?.sorted() == routes.sorted())
        }
    }

    /// The committed document shows reviewers what a change does to the API; `make openapi` writes it.
    @Test func `the OpenAPI document equals the committed one`() async throws {
        let document = try await withServer(on: .sqliteInMemory) { try await $0.send("GET", "/openapi.json") }
        let options: JSONSerialization.WritingOptions = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let object = try JSONSerialization.jsonObject(with: Data(document.body))
        let text = String(decoding: try JSONSerialization.data(withJSONObject: object, options: options), as: UTF8.self)
        let path = "Tests/ChatAPITests/Fixtures/openapi.json"
        if ProcessInfo.processInfo.environment["UPDATE_OPENAPI"] != nil {
            try PackageFile.write(text + "\n", to: path)
        }
        let committed = try PackageFile.read(path).split(separator: "\n")
        #expect(text.split(separator: "\n").difference(from: committed).isEmpty)
    }

    @Test func `pages load their assets from this server`() async throws {
        try await withAssets(["swagger-ui-bundle.js", "swagger-ui.css", "redoc.standalone.js"]) { client in
            for path in ["/docs", "/redoc"] {
                let page = try await client.send("GET", path)
                #expect(page.status == 200)
                #expect(page.headers["content-type"] == "text/html; charset=utf-8")
                #expect(!page.text.contains("http"))
                #expect(!page.text.contains("role=\"alert\""))
                #expect(!page.text.contains("{{"))
                let policy = try #require(page.headers["content-security-policy"])
                #expect(policy.contains("default-src 'none'"))
                #expect(policy.contains("script-src 'self';"))
                #expect(!policy.contains("http"))
            }
            let script = try await client.send("GET", "/docs/assets/swagger-ui-bundle.js")
            #expect(script.text == "content of swagger-ui-bundle.js")
            #expect(script.headers["content-type"] == "text/javascript; charset=utf-8")
            #expect(script.headers["cache-control"] == "public, max-age=86400")
        }
    }

    @Test func `pages report missing assets and load them from a CDN with integrity hashes`() async throws {
        try await withAssets([]) { client in
            for path in ["/docs", "/redoc"] {
                let page = try await client.send("GET", path)
                #expect(page.text.contains("role=\"alert\""))
                #expect(page.text.contains("Scripts/docs-assets"))
                #expect(page.text.contains("src=\"https://cdn.jsdelivr.net/npm/"))
                let loaded = page.text.matches(of: /https:\/\//).count
                #expect(
                    page.text.matches(of: /integrity="sha384-[A-Za-z0-9+\/]{64}" crossorigin="anonymous"/).count
                        == loaded
                )
                let policy = try #require(page.headers["content-security-policy"])
                #expect(policy.contains("script-src 'self' https://cdn.jsdelivr.net;"))
            }
        }
    }

    @Test func `without pages, the root redirects to the documentation`() async throws {
        try await withSQLite(.memory) { store in
            try await withServer(store, servesPages: false) { client in
                let response = try await client.send("GET", "/")
                #expect(response.status == 307)
                #expect(response.headers["location"] == "docs")
                #expect(response.body.isEmpty)
            }
        }
    }

    @Test(arguments: ["/docs", "/docs/", "/redoc", "/redoc/", "/docs/swagger-initializer.js"])
    func `links work behind any path prefix`(_ path: String) async throws {
        try await withAssets(["swagger-ui-bundle.js", "swagger-ui.css", "redoc.standalone.js"]) { client in
            let page = try await client.send("GET", path).text
            let references = page.matches(of: /(?:src|href|spec-url)="([^"]+)"|new URL\("([^"]+)"/)
            #expect(!references.isEmpty)
            for reference in references {
                let text = String(reference.output.1 ?? reference.output.2 ?? "")
                let base = try #require(URL(string: "http://host/a/prefix\(path)"))
                let url = try #require(URL(string: text, relativeTo: base)).absoluteString
                #expect(url.hasPrefix("http://host/a/prefix/docs/") || url == "http://host/a/prefix/openapi.json")
            }
        }
    }

    @Test func `the OpenAPI document names the root path`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            for (rootPath, url) in [("", "/"), ("/a/prefix", "/a/prefix")] {
                let document = try await withServer(store, rootPath: rootPath) {
                    try await $0.send("GET", "/openapi.json")
                }
                #expect(try document.json["servers"] == [["url": .string(url)]])
            }
        }
    }

    /// RE2, and so Go, repeats at most 1,000 times and supports neither `\u` nor look-around; JavaScript counts a
    /// character above U+FFFF twice unless the pattern has the flag `u`.
    @Test func `patterns mean the same in every regular expression engine`() async throws {
        let document = try await withServer(on: .sqliteInMemory) { try await $0.send("GET", "/openapi.json") }
        let patterns = try document.json.values(named: "pattern").compactMap(\.string)
        #expect(!patterns.isEmpty)
        for pattern in patterns {
            #expect(!pattern.contains("\\u") && !pattern.contains("\\p") && !pattern.contains("(?"), "\(pattern)")
            for repetition in pattern.matches(of: /(\[\^?[^\]]*\]|.)\{(\d*),?(\d*)\}/) {
                #expect((Int(repetition.output.2) ?? 0) <= 1_000 && (Int(repetition.output.3) ?? 0) <= 1_000)
                // Only ASCII is repeated.
                #expect(repetition.output.1.utf8.allSatisfy { $0 < 0x80 } && !repetition.output.1.hasPrefix("[^"))
            }
        }
    }

    /// Generators invent names for anonymous types, and a different one for each use.
    @Test func `every object and every enumeration has a name`() async throws {
        let document = try await withServer(on: .sqliteInMemory) { try await $0.send("GET", "/openapi.json") }
        let schemas = try #require(try document.json["components"]?["schemas"]?.members)
        for keyword in ["properties", "enum", "propertyNames"] {
            let named = schemas.values.filter { $0[keyword] != nil }.count
            #expect(named > 0)
            #expect(try document.json.values(named: keyword).count == named, "\(keyword)")
        }
    }

    @Test func `the type of a variant tells a union which schema applies`() async throws {
        let document = try await withServer(on: .sqliteInMemory) { try await $0.send("GET", "/openapi.json") }
        let schemas = try #require(try document.json["components"]?["schemas"]?.members)
        let prefix = "#/components/schemas/"
        var unions = 0
        for case let (union, discriminator?) in schemas.map({ ($0.value, $0.value["discriminator"]) }) {
            let mapping = try #require(discriminator["mapping"]).members
            #expect(Set(mapping.values) == Set(union["oneOf"]?.elements.compactMap { $0["$ref"] } ?? []))
            #expect(mapping.count == union["oneOf"]?.elements.count)
            for (type, reference) in mapping {
                let name = try #require(reference.string?.trimmingPrefix(prefix))
                #expect(schemas[String(name)]?["properties"]?["type"]?["const"] == .string(type))
                #expect(schemas[String(name)]?["required"]?.elements.contains("type") == true)
            }
            unions += 1
        }
        #expect(unions == 3)
    }

    @Test(arguments: ["version", "..%2F..%2Fetc%2Fpasswd", "..", "swagger-ui.css%00", "", "swagger-ui.css/x"])
    func `no other file is served`(_ name: String) async throws {
        try await withAssets(["swagger-ui.css", "version"]) { client in
            let response = try await client.send("GET", "/docs/assets/\(name)")
            #expect(response.status == 404)
            #expect(response.text == #"{"detail":"Not Found","code":"not_found"}"#)
        }
    }

    @Test func `without documentation, its paths are unknown`() async throws {
        try await withSQLite(.memory) { store in
            try await withServer(store, documentationAssets: nil) { client in
                for path in [
                    "/docs", "/docs/", "/docs/swagger-initializer.js", "/docs/assets/swagger-ui.css", "/redoc",
                    "/openapi.json",
                ] {
                    let response = try await client.send("GET", path)
                    #expect(response.status == 404, "\(path)")
                    #expect(response.text == #"{"detail":"Not Found","code":"not_found"}"#)
                }
                #expect(try await client.send("GET", "/chats").status == 200)
            }
        }
    }

    private func withAssets(_ names: [String], _ body: (HTTPTestClient) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            for name in names {
                try Data("content of \(name)".utf8).write(to: URL(filePath: folder).appending(path: name))
            }
            try await StoreUnderTest.sqliteInMemory.withStore { store in
                try await withServer(store, documentationAssets: folder, body)
            }
        }
    }
}
