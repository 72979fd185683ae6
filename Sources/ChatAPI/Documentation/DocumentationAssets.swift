import NIOCore
import _NIOFileSystem

/// The files in the assets' folder: some 3 MB, each read when it is first asked for, and then kept.
struct DocumentationAssets: Sendable {
    private let files: [String: File]

    /// Looks which files are there; a folder without them, or no folder, is no error.
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

    /// Whether a page can do without the CDN.
    func has(_ asset: DocumentationAsset) -> Bool {
        files[asset.name] != nil
    }

    /// Nil for a file that is missing or cannot be read.
    func content(of asset: DocumentationAsset) async -> ByteBuffer? {
        await files[asset.name]?.content()
    }

    private actor File {
        private let path: FilePath
        private var reading: Task<ByteBuffer?, Never>?

        init(_ path: FilePath) {
            self.path = path
        }

        /// However many ask at once, the file is read once and held in memory once.
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
