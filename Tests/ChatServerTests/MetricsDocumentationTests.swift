import ChatTestSupport
import Foundation
import PostgresClient
import Testing

/// docs/metrics.md, and what uses the metrics, against the running program.
@Suite(.timeLimit(.minutes(5)))
struct MetricsDocumentationTests {
    /// A family, or a row about it.
    private struct Row: Hashable, Comparable, CustomStringConvertible {
        let name: String
        let kind: String
        let labels: String

        var description: String {
            "\(name) \(kind) {\(labels)}"
        }

        static func < (one: Row, other: Row) -> Bool {
            one.name < other.name
        }
    }

    @Test func `the page lists exactly what servers that have done everything show`() async throws {
        var shown: Set<Row> = []
        try await withTemporaryFolder { folder in
            _ = try await ChatAPIProcess.serve(in: folder) { shown.formUnion(try await shownRows($0)) }
            try await TestPostgres.withDatabase { url in
                let environment = ["DATABASE_URL": url.connectionString]
                _ = try await ChatAPIProcess.serve(in: folder, environment: environment) {
                    shown.formUnion(try await shownRows($0))
                }
            }
        }
        #expect(shown.sorted() == (try Self.documentedRows()).sorted())
    }

    /// Does something of everything, and reads the metrics.
    private func shownRows(_ client: HTTPTestClient) async throws -> Set<Row> {
        try await client.createChats()
        // Nobody listens there.
        #expect(try await client.send("POST", "/webhooks", body: #"{"url":"http://127.0.0.1:9/"}"#).status == 201)
        try await client.post("a")
        try await client.withConnection { inbound, outbound in
            var socket = try await WebSocketClient(inbound, outbound)
            _ = try await socket.nextFrame()
            try await socket.send(.text(#"{"op":"ping"}"#))
            _ = try await socket.nextFrame()
        }
        let headers = ["Accept": "application/openmetrics-text"]
        var text = ""
        repeat {
            text = try await client.send("GET", "/metrics", headers: headers).text
        } while !text.contains("chat_webhook_requests_total")
        return Set(
            try text.matches(of: /(?m)^# TYPE (\w+) (\w+)$/).map { type in
                let name = String(type.output.1)
                let sample = text.firstMatch(of: try Regex("(?m)^\(name)(?:_total|_info|_bucket)?(\\{.*?\\})? "))
                let labels = (sample?[1].substring ?? "").matches(of: /(\w+)="/).map { String($0.output.1) }
                return Row(
                    name: name,
                    kind: String(type.output.2),
                    labels: labels.filter { $0 != "le" }.joined(separator: ", ")
                )
            }
        )
    }

    private static func documentedRows() throws -> [Row] {
        try PackageFile.read("docs/metrics.md")
            .matches(of: /(?m)^\| `(\w+?)(?:_total|_info)?` \| (\w+) \| (.*?) \| .* \|$/)
            .map { row in
                Row(
                    name: String(row.output.1),
                    kind: String(row.output.2),
                    labels: String(row.output.3).replacing("`", with: "")
                )
            }
    }

    @Test(arguments: ["deploy/grafana-dashboard.json", "deploy/alerts.yml", "docs/metrics.md"])
    func `every metric that is used exists`(_ file: String) throws {
        let documented = Set(try Self.documentedRows().map(\.name))
        let text = try PackageFile.read(file).replacing("{chat_id}", with: "")
        let used = text.matches(of: /\b(?:chat|process)_[a-z_]+/).map { name in
            name.output.replacing(/_(total|info|bucket|sum|count)$/, with: "")
        }
        #expect(!used.isEmpty)
        #expect(Set(used.map(String.init)).subtracting(documented) == [])
    }

    @Test func `the page says what to do about every alert`() throws {
        let alerts = try PackageFile.read("deploy/alerts.yml").matches(of: /alert: (\w+)/).map { String($0.output.1) }
        let rows = try PackageFile.read("docs/metrics.md").matches(of: /(?m)^\| `(ChatAPI\w+)` \|/)
        #expect(rows.map { String($0.output.1) } == alerts)
    }
}
