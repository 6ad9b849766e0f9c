#ifndef MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_TARGET_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_TARGET_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/config/config.h"
#include "client/wire/connect.h"
#include "client/wire/mirror_client.h"
#include "proto/wire/table.h"
#include "tools/mirror_harness/attack/attack.h"
#include "tools/mirror_harness/attack/http_victim.h"
#include "tools/mirror_harness/attack/token_forge.h"
#include "tools/mirror_harness/synthetic/synthetic_source.h"

namespace mirror::harness {

/// More time than any refusal needs on a busy machine. A longer wait is an error of the endpoint.
inline constexpr std::chrono::seconds kAttackPatience(30);

/// The columns of VictimTable(), by index.
enum VictimColumn : int { kId, kName, kAge, kPrice, kPhoto, kSeen, kToken, kLocked, kRatio, kNote };

/// Returns a table with one column for each encoding of values. Its key is `id`.
TableSchema VictimTable(const std::string& name = "people");

/// Means of attackers: the endpoint's address, the key of a legitimate source, and tenants of this run.
/// Threads: any for the const members.
class Target {
 public:
  /// Prepares the attacks. `seconds`: the duration of each flood.
  static absl::StatusOr<std::unique_ptr<Target>> Make(const AgentConfig& config,
                                                      const std::string& context_id, double seconds);
  ~Target();
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  /// Returns host:port of the server's metrics; empty: not known.
  const std::string& metrics() const { return metrics_; }
  void set_metrics(const std::string& address) { metrics_ = address; }
  /// Returns the victim at the HTTP door. It exists only while the attacks on the door run.
  const HttpVictim& http() const { return *http_; }
  void set_http(const HttpVictim* http) { http_ = http; }
  const EndpointConfig& endpoint() const { return config_.endpoint; }
  const Identity& identity() const { return connection_.identity; }
  std::chrono::steady_clock::duration flood_time() const { return flood_time_; }
  /// Returns the name of a tenant of this run: "Cust-hostile-<suffix>-1a2b3c".
  std::string Tenant(const std::string& suffix) const;

  // --- Calls ---
  std::shared_ptr<grpc::Channel> NewChannel() const;
  std::shared_ptr<grpc::Channel> channel() const { return connection_.line->Channel(); }
  /// Returns a correct client of a tenant, with a connection of its own.
  std::unique_ptr<MirrorClient> NewClient(const std::string& context_id) const;
  TokenParts Parts(TokenUse use, const std::string& context_id) const;
  std::string CallToken(const std::string& context_id) const;
  /// Calls Authenticate with this text as its token.
  Outcome Authenticate(const std::string& token) const { return Authenticate(token, channel()); }
  Outcome Authenticate(const std::string& token, const std::shared_ptr<grpc::Channel>& channel) const;
  /// Calls RowData with these "authorization" headers, on `channel`.
  Outcome Call(const std::vector<std::string>& authorizations,
               const std::shared_ptr<grpc::Channel>& channel) const;
  /// Returns a key with this id that the endpoint does not know. The key is made once and then kept.
  std::shared_ptr<const SigningKey> StrangersKey(const std::string& key_id, Algorithm algorithm);
  /// Returns the PEM of the public half of the source's key, which is not secret.
  const std::string& PublicPem() const { return public_pem_; }

  // --- The victim: a tenant with a filled table and a running cycle ---
  /// Makes the victim, or begins its cycle again. Errors: the reason why it cannot be attacked.
  absl::Status PrepareVictim();
  MirrorClient& victim() const { return source_->client(); }
  std::int64_t cycle() const { return source_->cycle(); }
  /// Returns the announcement of the victim's tables.
  v1::TableSchemaRequest Announcement() const;
  /// Returns a batch of two rows that the victim would accept as seq 1.
  v1::ChangeBatch GoodBatch() const;
  v1::RowDataRequest Request(const v1::ChangeBatch& batch) const { return source_->Request({batch}); }
  /// Sends the request as the victim, by SendRows().
  Outcome Send(const v1::RowDataRequest& request) const;
  /// Adds a fault to `outcome` if the victim's rows have changed or its cycle has ended. `once_it_has_place`:
  /// it first calls AwaitVictimsPlace().
  Outcome CheckVictim(Outcome outcome, bool once_it_has_place = false);
  /// Repeats a call of the victim as long as the endpoint refuses it for lack of capacity after an attack, at
  /// most kAttackPatience. Returns the answer to the victim's last call.
  absl::StatusOr<v1::DigestRangesResponse> AwaitVictimsPlace() const;

  /// Adds a fault to `outcome` if a new connection of a source is not served soon.
  Outcome CheckService(Outcome outcome) const;

 private:
  explicit Target(AgentConfig config) : config_(std::move(config)) {}
  absl::StatusOr<v1::DigestRangesResponse> DigestOfVictim() const;

  AgentConfig config_;
  Connection connection_;
  std::string context_id_, run_, metrics_;
  const HttpVictim* http_ = nullptr;
  std::chrono::steady_clock::duration flood_time_{};
  std::string folder_;  ///< Keys of strangers.
  std::string public_pem_;
  std::map<std::string, std::shared_ptr<const SigningKey>> strangers_;
  std::unique_ptr<SyntheticSource> source_;  ///< The victim's source.
  v1::TableStatus agreed_;
  std::string digest_;
};

/// Sends the request. Returns the status of the call or, if that is OK, of the last result.
Outcome SendRows(MirrorClient& client, const v1::RowDataRequest& request);

/// Makes an attack that sends a batch, altered by `change`. Without `change` the victim would accept the
/// batch. The attack checks that the victim's rows stay the same.
Attack::Run Batch(std::function<void(v1::ChangeBatch&)> change);

/// Runs `work` in this many threads, with the number of the thread, and collects their outcomes.
Outcome InParallel(int threads, const std::function<Outcome(int)>& work);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_TARGET_H_
