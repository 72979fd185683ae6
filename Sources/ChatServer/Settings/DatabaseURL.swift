import ChatSQLite
import Glibc
import PostgresClient

/// A database URL in SQLAlchemy's form.
enum DatabaseURL: Equatable, Sendable, CustomStringConvertible {
    case sqlite(SQLiteConfiguration.Location)
    case postgresql(PostgresURL)

    /// `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite::memory:`, `sqlite://`, or a PostgreSQL URL.
    ///
    /// SQLAlchemy's driver names, as in `sqlite+aiosqlite`, are accepted and ignored.
    init?(_ text: String) {
        let text = text.replacing(/^sqlite\+(aiosqlite|pysqlite):/, with: "sqlite:")
        let memory = ["sqlite::memory:", "sqlite://", "sqlite:///:memory:"]
        if memory.contains(text) {
            self = .sqlite(.memory)
        } else if text.hasPrefix("sqlite:///"), !text.hasSuffix("/"), !text.contains(where: { $0 == "\0" || $0 == "?" })
        {
            self = .sqlite(.file(String(text.dropFirst("sqlite:///".count))))
        } else if let url = PostgresURL(text) {
            self = .postgresql(url)
        } else {
            return nil
        }
    }

    /// The URL without its password.
    var description: String {
        switch self {
        case .sqlite(.memory): "sqlite::memory:"
        case .sqlite(.file(let path)): "sqlite:///\(path)"
        case .postgresql(let url): url.description
        }
    }

    /// The path of the SQLite database file; nil for any other database.
    var file: String? {
        if case .sqlite(.file(let path)) = self { path } else { nil }
    }

    /// Whether the database file exists; always true for PostgreSQL, where only connecting can tell.
    var exists: Bool {
        switch self {
        case .sqlite(.memory): false
        case .sqlite(.file(let path)): access(path, F_OK) == 0
        case .postgresql: true
        }
    }

    /// Hides whatever may be a password in text that could not be parsed.
    ///
    /// This replaces everything between the scheme and the last `@`, and the value of any `password=`.
    static func redacting(_ text: String) -> String {
        var text = text.replacing(/(?i)(password=)[^&\s]*/) { $0.output.1 + "***" }
        if let at = text.lastIndex(of: "@") {
            let start = text[..<at].firstRange(of: "//")?.upperBound ?? text.startIndex
            text.replaceSubrange(start..<at, with: "***")
        }
        return text
    }
}
