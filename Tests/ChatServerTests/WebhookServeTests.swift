import ChatTestSupport
import Testing

@Suite(.timeLimit(.minutes(5)))
struct WebhookServeTests {
    @Test(
        arguments: [
            ("127.0.0.1", [], true), ("127.0.0.1", ["--webhook-allow-private", "off"], false), ("0.0.0.0", [], false),
            ("0.0.0.0", ["--webhook-allow-private", "on"], true),
        ] as [(String, [String], Bool)]
    )
    func `private targets are allowed by default only on a loopback address`(
        host: String,
        options: [String],
        areAllowed: Bool
    ) async throws {
        try await withTemporaryFolder { folder in
            _ = try await ChatAPIProcess.serve(
                arguments: ["--host", host, "--auth", "open"] + options,
                in: folder
            ) { client in
                // Nobody listens there.
                let created = try await client.send("POST", "/webhooks", body: #"{"url":"http://127.0.0.1:1/"}"#)
                #expect(created.status == 201)
                let test = try await client.send("POST", "/webhooks/1/test")
                let error = try test.json["error"]?.string
                #expect((error == "the host has the address 127.0.0.1, which is not public") == !areAllowed)
                #expect(error != nil)
            }
        }
    }
}
