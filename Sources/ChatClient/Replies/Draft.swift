/// The text of an open message, as its writer knows it.
///
/// It applies the writer's rule: what was not acknowledged is sent again, from the offset that the server names. The
/// whole text is kept, since a server that restarts has only what it had stored.
package struct Draft: Sendable {
    /// A piece to append.
    package struct Piece: Sendable, Hashable {
        package let at: Int
        package let text: String
        package let status: String?
        fileprivate let length: Int
    }

    // In Unicode scalars. Even if JSON escapes each of them, the request stays far below the server's limit.
    package static let longestPiece = 8_192

    private var scalars: [Unicode.Scalar] = []
    private var acknowledged = 0
    private var status: String?
    private var sentStatus: String?
    // Whether the server has text of another writer, which had the same key: nothing can be appended to it.
    private var isForeign = false
    /// Whether the server has stored exactly this text.
    package private(set) var isStored = false

    package init() {}

    package var text: String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        return String(text)
    }

    /// Whether the server has acknowledged the whole text, stored or not.
    package var isAcknowledged: Bool {
        !isForeign && acknowledged == scalars.count
    }

    /// Whether the next piece would bring the server anything.
    package var hasNews: Bool {
        hasUnsentText || status != sentStatus
    }

    /// Whether there is text to append.
    package var hasUnsentText: Bool {
        !isForeign && acknowledged < scalars.count
    }

    package mutating func write(_ text: String, status: String?) {
        if text.isEmpty, status == nil { return }
        self.status = status
        if text.isEmpty { return }
        scalars += text.unicodeScalars
        isStored = false
    }

    /// The next piece.
    ///
    /// An empty one only shows that the writer still exists.
    package func next() -> Piece {
        let start = isForeign ? 0 : acknowledged
        let end = isForeign ? 0 : min(scalars.count, start + Self.longestPiece)
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[start..<end])
        return Piece(at: start, text: String(text), status: status, length: end - start)
    }

    /// Notes that the server has a piece, how long its text is, and how much of that it has stored.
    package mutating func acknowledge(_ piece: Piece, length: Int, stored: Int) {
        sentStatus = piece.status
        if isForeign { return }
        acknowledged = piece.at + piece.length
        isStored = length == stored && length == scalars.count
    }

    /// Notes that a piece does not continue the server's text, which has another length or says something else.
    ///
    /// In the second case, the text replaces that one in the end.
    package mutating func reject(_ piece: Piece, length: Int) {
        isStored = false
        if length < piece.at { acknowledged = length } else { isForeign = true }
    }
}
