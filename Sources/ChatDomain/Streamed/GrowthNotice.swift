/// What servers on the same database tell each other about an open message, beside its log; delivered immediately or
/// not at all.
package struct GrowthNotice: Equatable, Sendable {
    package enum Content: Equatable, Sendable {
        /// More of the text, from the server that holds the message in this epoch, or held it until another one took it
        /// over.
        case grew(TextPiece, epoch: Int64)
        /// The stored text has at least this length; the server that holds the message in this epoch says so.
        case stored(length: Int, epoch: Int64)
        /// The server that held the message in this epoch has given it up, after it sent the text that it had not stored:
        /// another one has taken the message over.
        case released(epoch: Int64)
        /// A server lacks text: the holder must store it and announce its length.
        case wanted
        /// Someone asked the writer to stop.
        case cancelRequested
    }

    package let message: BatchPlan.MessageReference
    package let content: Content

    package init(_ message: BatchPlan.MessageReference, _ content: Content) {
        self.message = message
        self.content = content
    }
}

/// Carries notices about open messages between servers; without relays, this is the only server.
package typealias GrowthNotices = Broadcast<GrowthNotice>

/// A part of the text of an open message: a reader truncates its text to `offset` and appends the piece.
package struct TextPiece: Equatable, Sendable {
    /// In Unicode scalars.
    package let offset: Int
    /// Empty if only the status or the end of the text has changed.
    package let text: String
    /// What the writer is doing; nil if it did not say.
    package let status: String?

    package init(offset: Int, text: String, status: String? = nil) {
        self.offset = offset
        self.text = text
        self.status = status
    }

    /// The same text in pieces that each fit into a notification; empty if there is no text.
    package var parts: [TextPiece] {
        let scalars = Array(text.unicodeScalars)
        return stride(from: 0, to: scalars.count, by: Self.maximumPart).map { start in
            var part = String.UnicodeScalarView()
            part.append(contentsOf: scalars[start..<min(start + Self.maximumPart, scalars.count)])
            return TextPiece(offset: offset + start, text: String(part), status: status)
        }
    }

    /// In Unicode scalars of up to four bytes, or two with a backslash.
    private static let maximumPart = 1_500
}
