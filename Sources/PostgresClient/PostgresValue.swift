/// A parameter of a statement, bound in PostgreSQL's binary format and never spliced into the SQL.
package enum PostgresValue: Equatable, Sendable {
    case int64(Int64)
    case text(String)
    /// A `timestamptz`, in microseconds since 1970-01-01T00:00:00Z.
    case timestamp(microsecondsSinceEpoch: Int64)
    case null

    /// PostgreSQL counts from 2000-01-01.
    static let epochOffset: Int64 = 946_684_800_000_000

    /// The object id of the value's type in `pg_type`; 0 leaves it to the server.
    var type: UInt32 {
        switch self {
        case .int64: 20
        case .text: 25
        case .timestamp: 1_184
        case .null: 0
        }
    }

    /// The value's bytes; nil for null.
    var bytes: [UInt8]? {
        switch self {
        case .int64(let value): value.bigEndianBytes
        case .text(let value): Array(value.utf8)
        case .timestamp(let microseconds): (microseconds - Self.epochOffset).bigEndianBytes
        case .null: nil
        }
    }
}

extension Int64 {
    fileprivate var bigEndianBytes: [UInt8] {
        withUnsafeBytes(of: bigEndian) { Array($0) }
    }
}
