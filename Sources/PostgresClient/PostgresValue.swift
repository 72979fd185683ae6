/// A statement's parameter, bound in PostgreSQL's binary format and never inserted into the SQL.
package enum PostgresValue: Equatable, Sendable {
    case bool(Bool)
    case int64(Int64)
    /// A `text`; nil is NULL.
    case text(String?)
    /// A `bytea`.
    case bytes([UInt8])
    /// A `timestamptz`, in microseconds since 1970-01-01T00:00:00Z; nil is NULL.
    case timestamp(microsecondsSinceEpoch: Int64?)
    /// A `boolean[]`.
    case boolArray([Bool])
    /// A `bigint[]`.
    case int64Array([Int64?])
    /// A `text[]`.
    case textArray([String?])
    /// A `timestamptz[]`, each in microseconds since 1970-01-01T00:00:00Z.
    case timestampArray([Int64?])

    /// PostgreSQL counts from 2000-01-01.
    static let epochOffset: Int64 = 946_684_800_000_000

    /// The object id of the value's type in `pg_type`.
    var type: UInt32 {
        switch self {
        case .bool: 16
        case .bytes: 17
        case .int64: 20
        case .text: 25
        case .timestamp: 1_184
        case .boolArray: 1_000
        case .int64Array: 1_016
        case .textArray: 1_009
        case .timestampArray: 1_185
        }
    }

    /// Appends the value's bytes in the binary format of its type.
    ///
    /// - Returns: The number of bytes appended; nil for NULL, which has none.
    func append(to bytes: inout [UInt8]) -> Int? {
        let start = bytes.count
        switch self {
        case .bool(let value): bytes.append(value ? 1 : 0)
        case .bytes(let value): bytes.append(contentsOf: value)
        case .int64(let value): bytes.append(bigEndian: value)
        case .text(let value):
            guard let value else { return nil }
            bytes.append(contentsOf: value.utf8)
        case .timestamp(let microseconds):
            guard let microseconds else { return nil }
            bytes.append(bigEndian: microseconds - Self.epochOffset)
        case .boolArray(let values):
            bytes.appendArray(values, ofType: 16) { $0.append($1 ? 1 : 0) }
        case .int64Array(let values):
            bytes.appendArray(values, ofType: 20) { $0.append(bigEndian: $1) }
        case .textArray(let values):
            bytes.appendArray(values, ofType: 25) { $0.append(contentsOf: $1.utf8) }
        case .timestampArray(let values):
            bytes.appendArray(values, ofType: 1_184) { $0.append(bigEndian: $1 - Self.epochOffset) }
        }
        return bytes.count - start
    }
}

extension [UInt8] {
    fileprivate mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    /// Appends a one-dimensional array with lower bound 1; each element follows its length, which is -1 for NULL.
    fileprivate mutating func appendArray<Value>(
        _ elements: [Value?],
        ofType type: Int32,
        _ appendElement: (inout [UInt8], Value) -> Void
    ) {
        append(bigEndian: Int32(elements.isEmpty ? 0 : 1))
        append(bigEndian: Int32(elements.contains { $0 == nil } ? 1 : 0))
        append(bigEndian: type)
        if elements.isEmpty { return }
        append(bigEndian: Int32(elements.count))
        append(bigEndian: Int32(1))
        for element in elements {
            let lengthIndex = count
            append(bigEndian: Int32(-1))
            guard let element else { continue }
            appendElement(&self, element)
            let length = Int32(count - lengthIndex - 4)
            Swift.withUnsafeBytes(of: length.bigEndian) { length in
                replaceSubrange(lengthIndex..<lengthIndex + 4, with: length)
            }
        }
    }
}
