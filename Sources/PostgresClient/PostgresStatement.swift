/// One statement with its parameters.
package struct PostgresStatement: Sendable {
    /// The program's own text: a connection prepares each text once and keeps it.
    package let sql: String
    package let parameters: [PostgresValue]

    package init(_ sql: String, _ parameters: [PostgresValue] = []) {
        self.sql = sql
        self.parameters = parameters
    }
}
