package import ChatWire

extension OpenStream: JSONWritable {
    /// Writes an `OpenStream`; members without a value are omitted.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("kind", peer.kind.rawValue)
            writer.member("address", peer.address)
            writer.member("user", ifPresent: peer.user)
            writer.member("server_key", ifPresent: peer.serverKey)
            writer.member("opened_at", openedAt)
            writer.member("chats", chatCount)
            writer.member("lag", lag)
            writer.member("stalled", isStalled)
        }
    }
}

/// Open streams, those that lag the most first.
package struct OpenStreamList: JSONWritable {
    private let streams: [OpenStream]
    private let total: Int
    private let lagging: Int

    /// - Parameters:
    ///   - streams: All of them, in any order.
    ///   - limit: How many to keep.
    package init(_ streams: [OpenStream], limit: Int) {
        let sorted = streams.sorted { ($0.lag, $1.openedAt) > ($1.lag, $0.openedAt) }
        self.streams = Array(sorted.prefix(limit))
        total = streams.count
        lagging = streams.count { $0.lag > 0 }
    }

    /// Writes an `OpenStreamList`.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("streams", streams)
            writer.member("total", total)
            writer.member("lagging", lagging)
        }
    }
}

extension JSONSchema {
    /// The open streams of a process.
    package static let openStreamList = component(
        "OpenStreamList",
        .object([
            .required("streams", .array(of: openStream), "Those that lag the most first, then the oldest first."),
            .required("total", .integer(from: 0), "How many are open, including those left out."),
            .required("lagging", .integer(from: 0), "How many of all have a lag."),
        ])
    )

    private static let openStream = component(
        "OpenStream",
        .object([
            .required("kind", values(of: StreamPeer.Kind.self, named: "StreamKind")),
            .required("address", .string, "The client's IP address, or that of the nearest proxy."),
            .optional("user", .userID, "Absent if the client is no user."),
            .optional("server_key", .string, "The id of the client's server key. Absent without one."),
            .required("opened_at", .instant),
            .required("chats", .integer(from: 0), "The number of logs it follows: 0 for an inbox alone."),
            .required("lag", .integer(from: 0), "The entries in those logs that were not sent yet."),
            .required("stalled", .boolean, "Whether the connection accepts no more for now."),
        ])
    )
}
