import NIOCore
import _NIOFileSystem

/// The files in the assets folder: about 3 MB, each read on its first request and then kept in memory.
package struct DocumentationAssets: Sendable {
    private let files: [String: File]

    /// Finds the files; missing files and a missing folder are not errors.
    init(folder: String) async {
        var files: [String: File] = [:]
        for asset in DocumentationAsset.all {
            let path = FilePath(folder).appending(asset.name)
            let info = try? await FileSystem.shared.withFileHandle(forReadingAt: path) { try await $0.info() }
            if info?.type == .regular {
                files[asset.name] = File(path)
            }
        }
        self.files = files
    }

    /// The names of the files that the folder lacks, and that pages load from a public CDN instead.
    package static func missing(in folder: String) async -> [String] {
        let assets = await DocumentationAssets(folder: folder)
        return DocumentationAsset.all.filter { $0.cdn != nil && !assets.has($0) }.map(\.name)
    }

    /// Whether pages can load the asset from this server.
    func has(_ asset: DocumentationAsset) -> Bool {
        files[asset.name] != nil
    }

    /// Nil if the file is missing or cannot be read.
    func content(of asset: DocumentationAsset) async -> ByteBuffer? {
        await files[asset.name]?.content()
    }

    private actor File {
        private let path: FilePath
        private var reading: Task<ByteBuffer?, Never>?

        init(_ path: FilePath) {
            self.path = path
        }

        /// Concurrent requests share one read and one copy in memory.
        func content() async -> ByteBuffer? {
            if let reading { return await reading.value }
            let reading = Task { [path] in
                try? await ByteBuffer(contentsOf: path, maximumSizeAllowed: .mebibytes(8))
            }
            self.reading = reading
            let content = await reading.value
            if content == nil { self.reading = nil }
            return content
        }
    }
}
