import Foundation

/// Reads files of the package at run time, such as a page of the documentation.
package enum PackageFile {
    /// Reads a file.
    ///
    /// - Parameter path: Relative to the package's folder, which is the working directory of `swift test`. A path
    ///   compiled into the tests would not do, since the test image contains only some of the files.
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
