/// The databases for which each migration has scripts.
package enum DatabaseKind: String, Sendable, CaseIterable {
    case sqlite
    case postgresql
}
