package import ChatDomain

/// What operators can learn about a server process.
package struct ServerDescription: JSONWritable {
    /// A number of things with an upper limit.
    package struct Usage: JSONWritable, Sendable {
        private let open: Int
        private let maximum: Int

        package init(open: Int, maximum: Int) {
            self.open = open
            self.maximum = maximum
        }

        /// Writes a `ServerUsage`.
        package func write(to writer: inout JSONWriter) {
            writer.object { writer in
                writer.member("open", open)
                writer.member("maximum", maximum)
            }
        }
    }

    private let version: String
    private let database: StoreKind
    private let isOpen: Bool
    private let startedAt: Instant
    private let uptimeSeconds: Int64
    private let connections: Usage
    private let streams: Usage
    private let writes: WriteLoad

    /// - Parameter isOpen: Whether requests need no credential.
    package init(
        version: String,
        database: StoreKind,
        isOpen: Bool,
        startedAt: Instant,
        uptimeSeconds: Int64,
        connections: Usage,
        streams: Usage,
        writes: WriteLoad
    ) {
        self.version = version
        self.database = database
        self.isOpen = isOpen
        self.startedAt = startedAt
        self.uptimeSeconds = uptimeSeconds
        self.connections = connections
        self.streams = streams
        self.writes = writes
    }

    /// Writes a `Server`.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("version", version)
            writer.member("database", database.rawValue)
            writer.member("access", isOpen ? "open" : "required")
            writer.member("started_at", startedAt)
            writer.member("uptime_seconds", uptimeSeconds)
            writer.member("connections", connections)
            writer.member("streams", streams)
            writer.member("writes") { writer in
                writer.object { writer in
                    writer.member("waiting", writes.waiting)
                    writer.member("requests", writes.requests)
                    writer.member("batches", writes.batches)
                    writer.member("largest_batch", writes.largestBatch)
                }
            }
        }
    }
}

extension JSONSchema {
    /// A server process.
    package static let server = component(
        "Server",
        .object([
            .required("version", .string, "The version of Chat API."),
            .required("database", values(of: StoreKind.self, named: "DatabaseKind")),
            .required(
                "access",
                component("ServerAccess", ["type": "string", "enum": ["open", "required"]]),
                "Whether requests need a credential."
            ),
            .required("started_at", .instant),
            .required("uptime_seconds", .integer(from: 0)),
            .required("connections", usage, "Connections of all kinds, including those of streams."),
            .required("streams", usage, "Streams, WebSockets and long polls."),
            .required("writes", writes),
        ])
    )

    private static let usage = component(
        "ServerUsage",
        .object([.required("open", .integer(from: 0)), .required("maximum", .integer(from: 0), "More are rejected.")])
    )

    private static let writes = component(
        "ServerWrites",
        .object([
            .required("waiting", .integer(from: 0), "Requests that no batch has picked up yet."),
            .required("requests", .integer(from: 0), "Requests in batches since the server started."),
            .required("batches", .integer(from: 0), "Batches since the server started; each is one transaction."),
            .required("largest_batch", .integer(from: 0), "Requests in the largest batch."),
        ])
    )
}
