import ChatSQLite

/// Which database to use, in the form that SQLAlchemy's users know.
enum DatabaseURL: Equatable, Sendable, CustomStringConvertible {
    case sqlite(SQLiteConfiguration.Location)
    /// Understood, not supported yet.
    case postgresql(String)

    /// `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite::memory:`, `sqlite://`, or a PostgreSQL URL.
    init?(_ text: String) {
        let memory = ["sqlite::memory:", "sqlite://", "sqlite:///:memory:"]
        if memory.contains(text) {
            self = .sqlite(.memory)
        } else if text.hasPrefix("sqlite:///"), !text.hasSuffix("/"), !text.contains("\0") {
            self = .sqlite(.file(String(text.dropFirst("sqlite:///".count))))
        } else if ["postgresql:", "postgres:", "postgresql+"].contains(where: text.hasPrefix) {
            self = .postgresql(text)
        } else {
            return nil
        }
    }

    /// The URL without its password.
    var description: String {
        switch self {
        case .sqlite(.memory): "sqlite::memory:"
        case .sqlite(.file(let path)): "sqlite:///\(path)"
        case .postgresql(let text): Self.redacting(text)
        }
    }

    /// Hides what may be a password: whatever stands between a scheme's `//` and the last `@`.
    static func redacting(_ text: String) -> String {
        guard let scheme = text.firstRange(of: "//"), let at = text.lastIndex(of: "@"), scheme.upperBound <= at else {
            return text
        }
        return text[..<scheme.upperBound] + "***" + text[at...]
    }
}
