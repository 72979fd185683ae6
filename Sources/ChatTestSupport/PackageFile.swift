import Foundation

/// A file of the package that a test reads while it runs, such as a page of the documentation.
package enum PackageFile {
    /// - Parameter path: From the package's folder, which is the working directory of `swift test`. Not from where the
    ///   sources were compiled: an image has only some of the files.
    package static func read(_ path: String) throws -> String {
        let folder = URL(filePath: FileManager.default.currentDirectoryPath)
        return try String(contentsOf: folder.appending(path: path), encoding: .utf8)
    }
}
