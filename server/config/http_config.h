#ifndef MIRROR_SERVER_CONFIG_HTTP_CONFIG_H_
#define MIRROR_SERVER_CONFIG_HTTP_CONFIG_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace mirror {

/// [http]: the door for records, and for reading mirrors as JSON.
struct HttpConfig {
  bool enabled = false;
  std::string address = "127.0.0.1";
  std::uint16_t port = 7447;     ///< 0: the system chooses.
  bool plaintext = false;        ///< No TLS; loopback only.
  std::string certificate, key;  ///< PEM; empty: the files of [listen].
  std::string api_keys;          ///< Folder of the keys; empty: "apikeys" beside the configuration.
  /// The beginning of upload links. Empty: the address to which the request was sent; if other servers
  /// have the same mirrors, this server's own address.
  std::string public_url;
  std::vector<std::string> base_paths = {"", "/data-exchange/rest"};

  std::uint32_t connections_max = 256;
  std::uint32_t connections_per_address_max = 64;  ///< Without an API key.
  std::vector<std::string> proxies;                ///< The proxies of [listen].
  std::uint64_t header_limit = 8 << 10;
  std::uint64_t body_limit = 4 << 20;     ///< For JSON.
  std::uint64_t file_limit = 10'000'000;  ///< For a file that comes with its import job.
  std::uint64_t upload_limit = 500'000'000;
  std::uint32_t requests_max = 32;      ///< Requests that are worked on at a time.
  std::uint32_t requests_per_key = 64;  ///< Admitted at a time; above it: 429.
  std::chrono::seconds head_time{5}, body_time{60}, stream_time{600};

  std::string uploads;  ///< Folder; empty: ".uploads" in the folder of [data].
  std::uint64_t uploads_max = 10'000'000'000;
  std::uint64_t disk_free_min = 1'000'000'000;  ///< Where uploads are kept; below it uploads get 503.
  std::uint64_t uploads_per_key = 2'000'000'000;
  std::uint32_t links_per_key = 100;  ///< Links without an upload yet; above it: 429.
  std::chrono::seconds upload_kept = std::chrono::hours(1);
  std::uint32_t jobs_max = 4;  ///< Import jobs that run at a time.
  std::uint32_t jobs_waiting_max = 100;
  std::chrono::seconds job_time{600};
  std::chrono::seconds job_lease{600};  ///< Without its server for longer, a job has died.
  std::chrono::seconds erase_within = std::chrono::hours(24);
  friend bool operator==(const HttpConfig&, const HttpConfig&) = default;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_CONFIG_HTTP_CONFIG_H_
