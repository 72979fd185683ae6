/// An SQL statement with its parameters.
package struct PostgresStatement: Sendable {
    /// A constant text, never built from input: a connection prepares each text once and keeps it.
    package let sql: String
    /// The values of `$1`, `$2` and so on.
    package let parameters: [PostgresValue]
    /// What a part of the statement adds to its text; nil if the statement has no parts.
    private var partCondition: String?

    package init(_ sql: String, _ parameters: [PostgresValue] = []) {
        self.sql = sql
        self.parameters = parameters
    }

    /// Lets a distributed database run the statement once per key, each on the node that stores the key's rows.
    ///
    /// The first parameter is the array of keys, and every other array of the same length has a value for each of them.
    ///
    /// - Parameter column: The distribution column. Each part appends `AND column = ANY ($1)`, so the text must end in a
    ///   WHERE clause. Nil if the text already contains that condition.
    package func divided(by column: String? = nil) -> PostgresStatement {
        var statement = self
        statement.partCondition = column.map { " AND \($0) = ANY ($1::bigint[])" } ?? ""
        return statement
    }

    /// One statement per key, in ascending order.
    func parts() -> [PostgresStatement] {
        guard let partCondition, case .int64Array(let keys)? = parameters.first else { return [self] }
        let sql = sql + partCondition
        let rows = Dictionary(grouping: keys.indices) { keys[$0] ?? .min }
        return rows.sorted { $0.key < $1.key }.map { _, rows in
            PostgresStatement(sql, parameters.map { $0.count == keys.count ? $0.rows(rows) : $0 })
        }
    }
}

extension PostgresValue {
    /// The number of elements of an array; nil if it is none.
    fileprivate var count: Int? {
        switch self {
        case .bool, .bytes, .int64, .text, .timestamp: nil
        case .boolArray(let values): values.count
        case .int64Array(let values), .timestampArray(let values): values.count
        case .textArray(let values): values.count
        }
    }

    /// The elements of an array at some of its indices.
    fileprivate func rows(_ indices: [Int]) -> PostgresValue {
        switch self {
        case .bool, .bytes, .int64, .text, .timestamp: self
        case .boolArray(let values): .boolArray(indices.map { values[$0] })
        case .int64Array(let values): .int64Array(indices.map { values[$0] })
        case .textArray(let values): .textArray(indices.map { values[$0] })
        case .timestampArray(let values): .timestampArray(indices.map { values[$0] })
        }
    }
}
