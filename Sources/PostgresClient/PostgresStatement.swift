/// An SQL statement with its parameters.
package struct PostgresStatement: Sendable {
    /// A constant text, never built from input: a connection prepares each text once and keeps it.
    package let sql: String
    /// The values of `$1`, `$2` and so on.
    package let parameters: [PostgresValue]

    package init(_ sql: String, _ parameters: [PostgresValue] = []) {
        self.sql = sql
        self.parameters = parameters
    }
}
