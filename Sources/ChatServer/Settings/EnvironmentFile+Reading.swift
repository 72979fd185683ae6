import SystemPackage

extension EnvironmentFile {
    /// Reads a file; nil if there is none.
    ///
    /// A folder with that name, such as a Python environment, is ignored.
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
            throw SettingError(description: "line \(error.line) of \(path) is invalid: \(error.reason)")
        }
    }
}
