import Foundation
import NIOPosix

/// Keeps everything in one JSON file, which it replaces atomically.
///
/// The file outlasts the process, even if that is killed. The store does not wait for the disk, so a power failure may
/// undo the last changes. Only one process may use a file at a time.
public actor FileStore: ChatClientStore {
    private let file: URL
    private var values: [String: String] = [:]
    private var writing: Task<Void, any Error>?

    /// - Throws: If the file exists but cannot be read.
    public init(path: String) throws {
        file = URL(filePath: path)
        if FileManager.default.fileExists(atPath: path) {
            values = try JSONDecoder().decode([String: String].self, from: Data(contentsOf: file))
        }
    }

    public func get(_ name: String) -> String? {
        values[name]
    }

    public func set(_ name: String, to value: String?) async throws {
        values[name] = value
        let previous = writing
        let content = try JSONEncoder().encode(values)
        // A task of its own: canceling the caller's must not lose a change.
        let current = Task { [file] in
            _ = await previous?.result
            try await NIOThreadPool.singleton.runIfActive { try content.write(to: file, options: .atomic) }
        }
        writing = current
        try await current.value
    }
}
