import Executors
import Files
import FoundationEssentials

/// A file with a JWK set, whose keys a verifier uses.
///
/// It has its own thread, because reading a file blocks.
package actor KeyFile {
    private let executor = ThreadExecutor()
    private let path: String
    private let verifier: TokenVerifier
    private var files: WatchedFiles

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    package init(path: String, _ verifier: TokenVerifier) {
        self.path = path
        self.verifier = verifier
        files = WatchedFiles(path)
    }

    /// Reads the file and replaces the verifier's keys with those of the file.
    ///
    /// - Returns: The number of keys.
    /// - Throws: `KeySourceError` if the file is unreadable or any key in it is unusable; nothing is replaced then.
    @discardableResult
    package func load() async throws(KeySourceError) -> Int {
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
    ///   - interval: How often to look.
    ///   - report: Called after each change.
    package func run(every interval: Duration = .seconds(1), report: @Sendable (KeySourceEvent) -> Void) async {
        while (try? await Task.sleep(for: interval)) != nil {
            guard files.haveChanged() else { continue }
            do throws(KeySourceError) {
                report(.replaced(source: path, count: try await load()))
            } catch {
                report(.failed(error))
            }
        }
    }

    private func contents() throws(KeySourceError.Reason) -> Data {
        do throws(FileError) {
            return try Data(files.contents().joined())
        } catch {
            throw .other(error.reason)
        }
    }
}

func keySet(in json: Data) async throws(KeySourceError.Reason) -> JSONWebKeySet {
    do throws(TokenKeyError) {
        return try await JSONWebKeySet(json)
    } catch {
        throw .keys(error)
    }
}
