/// Decides which steps lead from what was applied to a target.
///
/// A pure value: it reads and runs nothing.
package struct MigrationPlan: Sendable {
    /// In the order of application; never empty, revisions ascending.
    package let migrations: [Migration]
    package let database: DatabaseKind

    package init(_ migrations: [Migration] = Migration.all, for database: DatabaseKind) {
        self.migrations = migrations
        self.database = database
    }

    package enum Direction: Sendable {
        case up
        case down
    }

    /// The newest revision that this program knows.
    package var head: String {
        name(ofHeight: migrations.count)
    }

    /// How many of the list's migrations are applied.
    ///
    /// - Throws: `MigrationError` if what was applied is not the beginning of the list, unedited.
    package func height(of applied: [AppliedMigration]) throws(MigrationError) -> Int {
        for (index, entry) in applied.enumerated() {
            guard let known = migrations.firstIndex(where: { $0.revision == entry.revision }) else {
                throw .databaseIsNewer(revision: entry.revision)
            }
            guard known == index else {
                throw .migrationIsMissing(revision: migrations[index].revision)
            }
            guard migrations[index].scripts(for: database).checksum == entry.checksum else {
                throw .migrationWasEdited(revision: entry.revision)
            }
        }
        return applied.count
    }

    /// How many migrations are applied once the target is reached.
    package func height(
        of target: MigrationTarget,
        from current: Int,
        going direction: Direction
    ) throws(MigrationError) -> Int {
        let height: Int
        switch target {
        case .head: height = migrations.count
        case .base: height = 0
        case .relative(let steps):
            let (sum, isBeyond) = current.addingReportingOverflow(steps)
            guard !isBeyond, (0...migrations.count).contains(sum) else {
                throw .tooManySteps(steps, available: steps > 0 ? migrations.count - current : current)
            }
            height = sum
        case .revision(let revision):
            guard let index = migrations.firstIndex(where: { $0.revision == revision }) else {
                throw .unknownRevision(revision)
            }
            height = index + 1
        }
        guard direction == .up ? height >= current : height <= current else {
            throw .wrongDirection(target: name(ofHeight: height), current: name(ofHeight: current))
        }
        return height
    }

    /// Makes sure that the schema has everything of the revision at `height`.
    package func requireSchema(atHeight height: Int, among objects: Set<String>) throws(MigrationError) {
        let missing = schema(atHeight: height).subtracting(objects)
        guard missing.isEmpty else {
            throw .schemaDiffers(revision: name(ofHeight: height), missing: missing.sorted())
        }
    }

    /// Makes sure that the schema is that of the revision at `height`, and not of a later one.
    package func requireExactSchema(atHeight height: Int, among objects: Set<String>) throws(MigrationError) {
        try requireSchema(atHeight: height, among: objects)
        let own = schema(atHeight: height)
        for later in (height..<migrations.count).map({ $0 + 1 }).reversed() {
            let schema = schema(atHeight: later)
            if schema.isSubset(of: objects), !schema.isSubset(of: own) {
                throw .schemaIsLater(revision: name(ofHeight: height), actual: name(ofHeight: later))
            }
        }
    }

    /// The tables of all revisions.
    package var tables: Set<String> {
        Set(migrations.flatMap { $0.scripts(for: database).schema }.map { String($0.prefix { $0 != ":" }) })
    }

    private func schema(atHeight height: Int) -> Set<String> {
        height == 0 ? [] : migrations[height - 1].scripts(for: database).schema
    }

    /// What a downgrade erases, in words that complete "this erases …".
    package func losses(goingDownFrom height: Int, to target: Int) -> [String] {
        migrations[target..<height].reversed().compactMap { $0.scripts(for: database).erases }
    }

    /// The script of the one step that leads from `height` towards `target`, its record in the version table included;
    /// nil when it is reached.
    package func nextStep(from height: Int, to target: Int) -> MigrationStep? {
        if height == target { return nil }
        let goesUp = height < target
        let migration = migrations[goesUp ? height : height - 1]
        let scripts = migration.scripts(for: database)
        let record =
            goesUp
            ? VersionTable.insert(AppliedMigration(revision: migration.revision, checksum: scripts.checksum))
            : VersionTable.delete(revision: migration.revision)
        return MigrationStep(
            migration: migration,
            goesUp: goesUp,
            script: (goesUp ? scripts.up : scripts.down) + "\n\n" + record
        )
    }

    /// The revision that the schema is at when so many migrations are applied: `base` for none.
    package func name(ofHeight height: Int) -> String {
        height == 0 ? "base" : migrations[height - 1].revision
    }
}

/// One migration in one direction.
package struct MigrationStep: Sendable {
    package let migration: Migration
    package let goesUp: Bool
    /// What the step runs, ending with its record in the version table.
    package let script: String
}
