/// The databases that migrations are written for.
package enum DatabaseKind: String, Sendable, CaseIterable {
    case sqlite
    case postgresql
}
