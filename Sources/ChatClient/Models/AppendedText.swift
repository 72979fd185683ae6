/// A piece of an open message's text.
///
/// Offsets count Unicode scalars. Apply it with `Message.grow`: twice does no harm.
public struct AppendedText: Sendable, Hashable, Codable {
    public let messageID: Int
    /// Where the piece belongs: it replaces what the text has from there on.
    public let at: Int
    public let text: String
    /// What the writer is doing.
    public let status: String?

    package init(messageID: Int, at: Int, text: String, status: String?) {
        self.messageID = messageID
        self.at = at
        self.text = text
        self.status = status
    }

    private enum CodingKeys: String, CodingKey {
        case messageID = "message_id"
        case at
        case text
        case status
    }

    /// Where the text ends with this piece.
    var end: Int {
        at + text.unicodeScalars.count
    }

    /// Returns one piece with the effect of this one and then a later one; nil if there is none.
    func followed(by later: AppendedText) -> AppendedText? {
        if later.at <= at { return later }
        guard let text = text.spliced(at: later.at - at, later.text) else { return nil }
        return AppendedText(messageID: messageID, at: at, text: text, status: later.status)
    }
}

extension String {
    /// The text up to an offset in Unicode scalars, and a piece after it; nil if the text ends before the offset.
    func spliced(at offset: Int, _ piece: String) -> String? {
        guard offset >= 0,
            let index = unicodeScalars.index(startIndex, offsetBy: offset, limitedBy: endIndex)
        else { return nil }
        return String(unicodeScalars[..<index]) + piece
    }
}
