/// Runs `body` with the database that the options name.
func withDatabase(
    _ options: DatabaseOptions,
    _ schema: MigrationOptions? = nil,
    _ body: (OpenDatabase) async throws -> Void
) async throws {
    let settings = try await SettingsReader(given: options.given + (schema?.given ?? []))
    try await settings.printWarnings()
    let database = try await OpenDatabase(try settings.value(Settings.databaseURL), settings)
    do {
        try await body(database)
    } catch {
        throw CommandError(database: error)
    }
    try await database.close()
}
