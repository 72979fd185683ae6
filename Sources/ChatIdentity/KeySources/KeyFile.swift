import Executors
import FoundationEssentials
import Glibc

/// A file with a JWK set, whose keys a verifier uses.
///
/// It has its own thread, because reading a file blocks.
package actor KeyFile {
    /// In bytes.
    private static let maximumSize = 1 << 20

    /// What changes when a file is written or replaced.
    private struct Version: Equatable {
        let inode: UInt
        let size: Int
        let seconds: Int
        let nanoseconds: Int
    }

    private let executor = ThreadExecutor()
    private let path: String
    private let verifier: TokenVerifier
    /// The version that was read last, whether it was good or not; nil if there was no file.
    private var version: Version?

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    package init(path: String, _ verifier: TokenVerifier) {
        self.path = path
        self.verifier = verifier
    }

    /// Reads the file and replaces the verifier's keys with those of the file.
    ///
    /// - Returns: The number of keys.
    /// - Throws: `KeySourceError` if the file is unreadable or any key in it is unusable; nothing is replaced then.
    @discardableResult
    package func load() async throws(KeySourceError) -> Int {
        version = present()
        do throws(KeySourceError.Reason) {
            let set = try await keySet(in: contents())
            if let flaw = set.unusableKeys.first { throw .keys(flaw) }
            verifier.replaceKeys(of: .file, with: set.keys)
            return set.keys.count
        } catch {
            throw KeySourceError(source: path, reason: error)
        }
    }

    /// Reloads the file whenever it changes, until the task is cancelled.
    ///
    /// - Parameters:
    ///   - interval: How often to look; a change is a new modification time, size or inode.
    ///   - report: Called after each change.
    package func run(every interval: Duration = .seconds(1), report: @Sendable (KeySourceEvent) -> Void) async {
        while (try? await Task.sleep(for: interval)) != nil {
            guard present() != version else { continue }
            do throws(KeySourceError) {
                report(.replaced(source: path, count: try await load()))
            } catch {
                report(.failed(error))
            }
        }
    }

    private func present() -> Version? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Version(
            inode: status.st_ino,
            size: status.st_size,
            seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec
        )
    }

    private func contents() throws(KeySourceError.Reason) -> Data {
        guard let file = fopen(path, "r") else { throw .other(String(cString: strerror(errno))) }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: Self.maximumSize + 1)
        let count = fread(&bytes, 1, bytes.count, file)
        guard ferror(file) == 0 else { throw .other(String(cString: strerror(errno))) }
        guard count <= Self.maximumSize else { throw .other("the file is larger than \(Self.maximumSize) bytes") }
        return Data(bytes[..<count])
    }
}

func keySet(in json: Data) async throws(KeySourceError.Reason) -> JSONWebKeySet {
    do throws(TokenKeyError) {
        return try await JSONWebKeySet(json)
    } catch {
        throw .keys(error)
    }
}
