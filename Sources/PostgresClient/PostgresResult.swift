import CLibPQ

/// The rows that a statement returned, in binary format.
///
/// They are freed with this value, so they cannot leak. `@unchecked Sendable`: a `PGresult` is only read, which libpq
/// allows on any thread.
package struct PostgresResult: ~Copyable, @unchecked Sendable {
    private let result: OpaquePointer

    init(_ result: OpaquePointer) {
        self.result = result
    }

    deinit {
        PQclear(result)
    }

    /// 0 for a statement that returns no rows.
    package var rowCount: Int {
        Int(PQntuples(result))
    }

    /// Known even if there are no rows.
    package var columnCount: Int {
        Int(PQnfields(result))
    }

    /// What the server did, such as `COMMIT` or `INSERT 0 5`.
    package var commandTag: String {
        String(cString: PQcmdStatus(result))
    }

    /// The index of the first column with this lowercase name.
    ///
    /// Look it up once per result, not once per row.
    package func column(_ name: String) throws(PostgresError) -> Int {
        let index = PQfnumber(result, name)
        guard index >= 0 else { throw .unexpectedResult("there is no column \(name)") }
        return Int(index)
    }

    /// Check this before reading a nullable column: the other accessors throw for null.
    package func isNull(_ column: Int, row: Int) -> Bool {
        PQgetisnull(result, Int32(row), Int32(column)) == 1
    }

    /// Reads a `bigint`; throws if it is null.
    package func int64(_ column: Int, row: Int) throws(PostgresError) -> Int64 {
        let bytes = try field(column, row: row)
        guard bytes.count == 8 else {
            throw .unexpectedResult("column \(column) has \(bytes.count) bytes instead of a bigint's 8")
        }
        return bytes.reduce(0) { $0 << 8 | Int64($1) }
    }

    /// Reads a `boolean`; throws if it is null.
    package func bool(_ column: Int, row: Int) throws(PostgresError) -> Bool {
        let bytes = try field(column, row: row)
        guard bytes.count == 1 else {
            throw .unexpectedResult("column \(column) has \(bytes.count) bytes instead of a boolean's 1")
        }
        return bytes.first == 1
    }

    /// Reads a `text` or `varchar`; throws if it is null.
    package func text(_ column: Int, row: Int) throws(PostgresError) -> String {
        String(decoding: try field(column, row: row), as: UTF8.self)
    }

    /// Reads a `bytea`; throws if it is null.
    package func bytes(_ column: Int, row: Int) throws(PostgresError) -> [UInt8] {
        Array(try field(column, row: row))
    }

    /// Reads a `timestamptz`, in microseconds since 1970-01-01T00:00:00Z; throws if it is null.
    package func microsecondsSinceEpoch(_ column: Int, row: Int) throws(PostgresError) -> Int64 {
        try int64(column, row: row) + PostgresValue.epochOffset
    }

    private func field(_ column: Int, row: Int) throws(PostgresError) -> UnsafeRawBufferPointer {
        guard row >= 0, row < rowCount, column >= 0, column < columnCount else {
            throw .unexpectedResult("there is no column \(column) in row \(row)")
        }
        guard !isNull(column, row: row), let value = PQgetvalue(result, Int32(row), Int32(column)) else {
            throw .unexpectedResult("column \(column) is null")
        }
        return UnsafeRawBufferPointer(start: value, count: Int(PQgetlength(result, Int32(row), Int32(column))))
    }
}
