import Foundation

/// A file of the package that a test reads while it runs, such as a page of the documentation.
package enum PackageFile {
    /// - Parameter path: From the package's folder, which is the working directory of `swift test`. Not from where the
    ///   sources were compiled: an image has only some of the files.
    package static func read(_ path: String) throws -> String {
        try String(contentsOf: url(path), encoding: .utf8)
    }

    package static func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: url(path))
    }

    private static func url(_ path: String) -> URL {
        URL(filePath: FileManager.default.currentDirectoryPath).appending(path: path)
    }
}
