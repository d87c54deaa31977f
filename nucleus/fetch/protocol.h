/*
 * protocol - what the program `sedge-fetch` reads and writes: one JSON object a line, UTF-8, on stdin and stdout.
 *
 * The parent starts the program without arguments, writes one "config" line, then any number of requests, and closes
 * stdin when it has no more. The program works on at most `parallel` requests at a time, in the order they came, and
 * exits 0 when stdin has ended and every request has had its last event. Secrets come over stdin only: never in the
 * argument list, never in a reply. stderr has text for people only if something is wrong with the program itself.
 *
 * The first line (all members optional):
 *   {"op":"config",
 *    "objectStore":{"endpoint":"http://127.0.0.1:9000","region":"us-east-1","pathStyle":true,
 *                   "accessKeyId":"test:tester","secretAccessKey":"testing","sessionToken":null},
 *    "dataPlane":{"url":"https://plane:8443","certFile":"/d.crt","keyFile":"/d.key","caFile":"/ca.crt","alpn":"h"},
 *    "parallel":4, "caFile":"/etc/ssl/certs/ca-certificates.crt", "proxy":"http://proxy:3128", "noProxy":"localhost",
 *    "proxyCaFile":"/ca.crt",          what an https proxy is verified with, by default caFile
 *    "user":"sedge",                   started as root: become this user first (files are then written as this user)
 *    "attempts":6, "retryBaseMs":500, "retryMaxMs":20000,      back-off between attempts: jittered, exponential
 *    "connectTimeoutMs":10000, "stallTimeoutMs":30000,         no byte for so long: the connection is given up
 *    "minFreeBytes":20000000}                                  what must stay free on the file system of `dest`
 * Without `endpoint`: https://s3.<region>.amazonaws.com. `pathStyle` defaults to true where an endpoint is given.
 * Credentials: objectStore, else environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN), else the
 * AWS credentials file (AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials, profile AWS_PROFILE or "default"), else
 * requests are not signed. `caFile`: trusted besides the system's folder of authorities; default: the system's.
 * `dataPlane`: where "api" and "presign" go, with this certificate and key (read before `user` is become), verified
 * with its caFile alone. `alpn`: the protocol that is offered in the TLS handshake, for servers that want one.
 * `thingHeader`: a thing name for the header x-amzn-iot-thingname, which the credentials provider of AWS reads.
 *
 * Requests; "id" is a number or text that comes back in every event of this request:
 *   {"op":"list","id":1,"bucket":"b","prefix":"manifests/x/","delimiter":"/"}
 *       done: "keys":["manifests/x/1.0.0.json",...], "prefixes":[...] (with a delimiter); all pages, at most
 *       SEDGE_FETCH_LIST_MAX keys
 *   {"op":"get","id":2,"url":"s3://bucket/key","dest":"/path/file"}
 *       url: s3:// (signed), https://, http://, file://. More members, all optional:
 *       "digest":"<base64>" with "algorithm":"SHA-256" (the default; any name OpenSSL knows), "sha256":"<hex>",
 *       "mode":416 (of the file; default 0644), "maxBytes":N,
 *       "unarchive":"ZIP"|"TAR"|"TGZ"|"NONE", "unarchiveTo":"/path/folder", "fileMode":N (of unpacked files)
 *       A `dest` that exists and has the digest is not fetched again ("cached":true in the answer); without a digest an
 *       existing file is fetched again. Bytes come into <dest>.part, which is resumed after a broken connection, also
 *       one of an earlier run; then digest, mode, fsync, rename. Folders of dest must exist or can be created.
 *       "presign":"/path" of the data plane: it is asked for the URL to fetch from ({"preSignedUrl":"..."}), again when
 *       that URL is refused; `url` (also greengrass:...) then is a name only. "signedUrl":"..." one that is known.
 *       done: "bytes":N, "cached":bool, "attempts":N, "unpacked":N (files, if any)
 *   {"op":"text","id":3,"url":"s3://bucket/key","sha256":"<hex>","maxBytes":65536}
 *       done: "text":"..." (UTF-8 only), "bytes":N; at most SEDGE_FETCH_TEXT_MAX
 *   {"op":"head","id":4,"url":"s3://bucket/key"}                 done: "bytes":N (-1: not known), "etag":"..."
 *       or with "presign" as above; done: "signedUrl" too.
 *   {"op":"api","id":8,"path":"/greengrass/v2/..."}              GET, or with "text":"{...}" POST, to the data plane
 *       done: "text":"...", "bytes":N; an error that the server answered has "status":404, "errorType":"..." (its
 *       exception), "answer":"..." (its message) as well, and "retryAfterMs":N if it asked for a pause
 *   {"op":"put","id":5,"url":"s3://bucket/key","file":"/path"}   done: "bytes":N, "etag":"...", "sha256":"<hex>"
 *       or "text":"..." in place of "file"; "contentType"; "ifNoneMatch":"*" (CONFLICT if the key is there; where a
 *       store ignores the header the key is looked up first). Also http(s)://. "s3://bucket" alone creates the bucket.
 *   {"op":"delete","id":6,"url":"s3://bucket/key"}               done, also when the key was not there
 *   {"op":"unpack","id":7,"file":"/path/a.zip","unarchive":"ZIP","unarchiveTo":"/path/folder","fileMode":N}
 *   Each may have "attempts":N in place of the config line's.
 *   {"op":"cancel","id":2}                                       request 2 ends with the error "canceled", if not over
 *
 * Events:
 *   {"id":2,"event":"progress","done":1048576,"total":4194304,"rate":524288}  bytes, bytes, bytes a second; total -1 if
 *       it is not known; at most every SEDGE_FETCH_PROGRESS_MS for a request
 *   {"id":2,"event":"retry","attempt":2,"delayMs":812,"message":"..."}        something that can heal failed
 *   {"id":2,"event":"done",...}                                               the last event of a request
 *   {"id":2,"event":"error","code":"denied","stack":["ARTIFACT_DOWNLOAD_ERROR","S3_ERROR","S3_ACCESS_DENIED"],
 *    "message":"..."}                                                         the other last event of a request
 * `code` is a name of base/err.h; `stack` the Greengrass error codes from general to specific, without the leading
 * DEPLOYMENT_FAILURE; `message` names the thing and says what to do. A line that is no request is answered with an
 * error event whose id is null, and nothing else happens.
 */
#ifndef SEDGE_FETCH_PROTOCOL_H
#define SEDGE_FETCH_PROTOCOL_H

#define SEDGE_FETCH_LINE_MAX     (4 << 20) /* bytes of one line, either way */
#define SEDGE_FETCH_TEXT_MAX     (1 << 20) /* bytes of a "text" answer */
#define SEDGE_FETCH_LIST_MAX     20000     /* keys of one listing */
#define SEDGE_FETCH_QUEUE_MAX    10000     /* requests that may wait in the helper */
#define SEDGE_FETCH_PROGRESS_MS  250
#define SEDGE_FETCH_PARALLEL     4
#define SEDGE_FETCH_PARALLEL_MAX 32
#define SEDGE_FETCH_MIN_FREE     20000000LL
#define SEDGE_FETCH_BYTES_MAX    (64LL << 30) /* of one artifact, unless maxBytes says less */
#define SEDGE_FETCH_SIGN_MAX     3            /* presigned URLs asked for in a row without a byte through them */

/* Bounds of unpacking; a bomb is what goes beyond. */
#define SEDGE_UNPACK_ENTRIES_MAX 100000
#define SEDGE_UNPACK_BYTES_MAX   (16LL << 30)
#define SEDGE_UNPACK_RATIO_MAX   200          /* unpacked : archive size, once over SEDGE_UNPACK_RATIO_FREE */
#define SEDGE_UNPACK_RATIO_FREE  (64LL << 20) /* bytes that may unpack from any archive */
#define SEDGE_UNPACK_NAME_MAX    1024
#define SEDGE_UNPACK_DEPTH_MAX   32

#endif
