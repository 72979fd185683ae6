// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "SwiftBot",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "chat-api", path: "../..")],
    targets: [
        .executableTarget(
            name: "SwiftBot",
            dependencies: [.product(name: "ChatClient", package: "chat-api")],
            path: "Sources"
        )
    ]
)
