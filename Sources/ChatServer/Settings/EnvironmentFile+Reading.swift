import SystemPackage

extension EnvironmentFile {
    /// Reads a file, unless there is none.
    ///
    /// A folder of that name, such as a Python environment, does not count as one.
    static func read(_ path: FilePath, environment: [String: String]) async throws -> EnvironmentFile? {
        do {
            let stream = ByteStream(try FileDescriptor.open(path, .readOnly))
            var bytes: [UInt8] = []
            while case let piece = try await stream.read(), !piece.isEmpty {
                bytes += piece
            }
            try await stream.close()
            return try EnvironmentFile(parsing: bytes, environment: environment)
        } catch Errno.noSuchFileOrDirectory, Errno.isDirectory {
            return nil
        } catch let error as Errno {
            throw SettingError(description: "cannot read \(path): \(error)")
        } catch let error as SyntaxError {
            throw SettingError(description: "line \(error.line) of \(path) is not understood: \(error.reason)")
        }
    }
}
