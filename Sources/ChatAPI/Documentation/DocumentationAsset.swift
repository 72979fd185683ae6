/// A file of Swagger UI or ReDoc that the documentation pages load, from this server or else from a public CDN.
struct DocumentationAsset: Sendable {
    /// The file name in the assets folder and under `/docs/assets/`.
    let name: String
    let mediaType: String
    /// The URL of an exact version, and the hash of its content; nil if the page works without the file.
    let cdn: (url: String, integrity: String)?
}

extension DocumentationAsset {
    /// The only files that are served.
    ///
    /// `Scripts/docs-assets --verify` compares the hashes with the published files.
    static let all = [swaggerBundle, swaggerStyle, redoc, favicon]

    static let swaggerBundle = DocumentationAsset(
        name: "swagger-ui-bundle.js",
        mediaType: "text/javascript; charset=utf-8",
        cdn: (
            "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5.33.1/swagger-ui-bundle.js",
            "sha384-ZPehFMQommnnuaZ4rpxgkgTT2DKFVp4hZC/7pLit+9Lek9T1YGSo23eHFbvNkXkw"
        )
    )
    static let swaggerStyle = DocumentationAsset(
        name: "swagger-ui.css",
        mediaType: "text/css; charset=utf-8",
        cdn: (
            "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5.33.1/swagger-ui.css",
            "sha384-Ov4/wv3j2bmct8cDc5X4ngJZohVPzEmc6uDPH8WeljUxO5vtoykvMEfbu9Vh6RaW"
        )
    )
    static let redoc = DocumentationAsset(
        name: "redoc.standalone.js",
        mediaType: "text/javascript; charset=utf-8",
        cdn: (
            "https://cdn.jsdelivr.net/npm/redoc@2.5.4/bundles/redoc.standalone.js",
            "sha384-w447zOpYfw/1Tv/5AK9NfHTlQIqE3RVR6KY62jCyy9zNDgO64cMwGGP1Fj0zJVf5"
        )
    )
    static let favicon = DocumentationAsset(name: "favicon-32x32.png", mediaType: "image/png", cdn: nil)
}
