package import Foundation

/// Backups with the time in their names: `chat-20261130T154103Z.db` for `chat.db`.
package struct BackupSeries: Sendable {
    private let folder: String
    private let stem: String
    private let suffix: String

    /// - Parameter path: The path without a time.
    package init(_ path: String) {
        let slash = path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex
        let name = path[slash...]
        // A name that starts with its only dot has no suffix.
        let dot = name.dropFirst().lastIndex(of: ".") ?? name.endIndex
        folder = String(path[..<slash])
        stem = String(name[..<dot])
        suffix = String(name[dot...])
    }

    /// The path of a backup, which names its time to the second.
    package func path(at date: Date) -> String {
        let time = date.ISO8601Format(.init(dateSeparator: .omitted, timeSeparator: .omitted))
        return "\(folder)\(stem)-\(time)\(suffix)"
    }

    /// The paths of the backups that are too old to keep, oldest first.
    ///
    /// - Parameters:
    ///   - newest: The path of the newest backup, which is kept even if the clock went backward.
    ///   - count: How many to keep, at least 1.
    ///   - names: The names of all files in the folder.
    package func paths(besides newest: String, keeping count: Int, among names: [String]) -> [String] {
        let others = names.filter { isBackup($0) && folder + $0 != newest }.sorted()
        return others.dropLast(count - 1).map { folder + $0 }
    }

    /// The names of the regular files in the folder.
    package func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder).filter { name in
            FileIdentity(folder + name, followsLinks: false)?.isRegular == true
        }
    }

    private func isBackup(_ name: String) -> Bool {
        guard name.hasPrefix("\(stem)-"), name.hasSuffix(suffix), name.count >= stem.count + 1 + suffix.count else {
            return false
        }
        return name.dropFirst(stem.count + 1).dropLast(suffix.count).wholeMatch(of: /[0-9]{8}T[0-9]{6}Z/) != nil
    }
}
