import ChatSQLite
import PostgresClient

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Which database to use, in the form that SQLAlchemy's users know.
enum DatabaseURL: Equatable, Sendable, CustomStringConvertible {
    case sqlite(SQLiteConfiguration.Location)
    case postgresql(PostgresURL)

    /// `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite::memory:`, `sqlite://`, or a PostgreSQL URL.
    ///
    /// The drivers that SQLAlchemy's users name are passed over.
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

    /// Whether there is something to connect to; for a server, the connection will tell.
    var exists: Bool {
        switch self {
        case .sqlite(.memory): false
        case .sqlite(.file(let path)): access(path, F_OK) == 0
        case .postgresql: true
        }
    }

    /// Hides what may be a password in a text that was not understood.
    ///
    /// That is whatever stands before the last `@`, but for a scheme, and the value of any `password=`.
    static func redacting(_ text: String) -> String {
        var text = text.replacing(/(?i)(password=)[^&\s]*/) { $0.output.1 + "***" }
        if let at = text.lastIndex(of: "@") {
            let start = text[..<at].firstRange(of: "//")?.upperBound ?? text.startIndex
            text.replaceSubrange(start..<at, with: "***")
        }
        return text
    }
}
