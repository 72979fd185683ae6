import NIOCore
import _NIOFileSystem

/// The content of the assets' folder, held in memory: some 3 MB that are read once.
struct DocumentationAssets: Sendable {
    private let contents: [String: ByteBuffer]

    /// Reads the files that are there; a folder without them, or no folder, is no error.
    init(folder: String) async {
        var contents: [String: ByteBuffer] = [:]
        for asset in DocumentationAsset.all {
            let path = FilePath(folder).appending(asset.name)
            contents[asset.name] = try? await ByteBuffer(contentsOf: path, maximumSizeAllowed: .mebibytes(8))
        }
        self.contents = contents
    }

    /// Whether a page can do without the CDN.
    func has(_ asset: DocumentationAsset) -> Bool {
        content(of: asset) != nil
    }

    func content(of asset: DocumentationAsset) -> ByteBuffer? {
        contents[asset.name]
    }
}
