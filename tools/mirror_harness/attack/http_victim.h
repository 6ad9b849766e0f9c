#ifndef MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HTTP_VICTIM_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HTTP_VICTIM_H_

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "tools/mirror_harness/attack/attack.h"
#include "tools/mirror_harness/attack/http_line.h"

namespace mirror::harness {

/// Longer than a correct request takes on a busy machine: a client that waits longer is not served.
inline constexpr std::chrono::seconds kHttpPatience(5);

/// A storage of this run at an HTTP door, with rows large enough to be read slowly. Threads: any for the
/// const members.
class HttpVictim {
 public:
  HttpVictim(HttpDoorPlace door, std::string storage)
      : door_(std::move(door)), storage_(std::move(storage)) {}
  /// Deletes the storage.
  ~HttpVictim();
  HttpVictim(const HttpVictim&) = delete;
  HttpVictim& operator=(const HttpVictim&) = delete;

  /// Makes and fills the storage. Errors: why it cannot be attacked.
  absl::Status Prepare();

  const HttpDoorPlace& door() const { return door_; }
  const std::string& storage() const { return storage_; }
  std::string PartnersPath() const;
  /// Returns a body with one partner.
  static std::string Partner(std::string_view external_id, std::string_view city);

  /// Return requests with the attackers' key.
  std::string Upsert(const HttpLine::Fields& more, std::string_view body) const;
  std::string Read(std::string_view path, const HttpLine::Fields& more = {}) const;
  /// Adds a fault to `outcome` unless a new client is answered soon, with a key and without one.
  Outcome Check(Outcome outcome) const;
  /// For an attack that still runs: returns OK, or OPEN with a fault as above.
  Outcome ServedBeside(std::string words) const;
  /// Adds a fault to `outcome` unless the attackers' key is accepted again.
  Outcome CheckAttackersKey(Outcome outcome) const;

 private:
  std::string Fault() const;
  std::string AttackersFault() const;
  absl::Status Ask(std::string_view method, std::string_view path, std::string_view body, int expected) const;

  const HttpDoorPlace door_;
  const std::string storage_;
  bool made_ = false;
};

/// Returns the status of an answer and its message.
Outcome OutcomeOf(const HttpSaid& said, bool is_open = true);

/// Sends the bytes on a new connection. Returns the answer, with a fault if more bytes follow it, if the
/// connection stays open (`closes`), or if others are not served.
Outcome OneAnswer(const HttpVictim& victim, const std::string& bytes, bool closes);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HTTP_VICTIM_H_
