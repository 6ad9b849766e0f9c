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

/// Longer than a proper request takes on a busy machine: who waits so long is not served.
inline constexpr std::chrono::seconds kHttpPatience(5);

/// A storage of this run at a door for JSON, with rows that are worth reading slowly. Threads: those members
/// that are const.
class HttpVictim {
 public:
  HttpVictim(HttpDoorPlace door, std::string storage)
      : door_(std::move(door)), storage_(std::move(storage)) {}
  /// Deletes the storage.
  ~HttpVictim();
  HttpVictim(const HttpVictim&) = delete;
  HttpVictim& operator=(const HttpVictim&) = delete;

  /// Makes and fills it. Errors: why it cannot be attacked.
  absl::Status Prepare();

  const HttpDoorPlace& door() const { return door_; }
  const std::string& storage() const { return storage_; }
  std::string PartnersPath() const;
  /// A body of one partner.
  static std::string Partner(std::string_view external_id, std::string_view city);

  /// Requests with the attackers' key.
  std::string Upsert(const HttpLine::Fields& more, std::string_view body) const;
  std::string Read(std::string_view path, const HttpLine::Fields& more = {}) const;
  /// The same, with a fault unless whoever comes now is answered soon, with and without a key.
  Outcome Check(Outcome outcome) const;
  /// Beside an attack that goes on: OK, or OPEN and a fault as above.
  Outcome ServedBeside(std::string words) const;
  /// The same, with a fault unless the attackers' key is let in again.
  Outcome CheckAttackersKey(Outcome outcome) const;

 private:
  std::string Fault() const;
  std::string AttackersFault() const;
  absl::Status Ask(std::string_view method, std::string_view path, std::string_view body, int expected) const;

  const HttpDoorPlace door_;
  const std::string storage_;
  bool made_ = false;
};

/// The status of an answer, and its words.
Outcome OutcomeOf(const HttpSaid& said, bool is_open = true);

/// Sends it on a new connection: its answer, and a fault when something follows behind it, when it does not
/// close (`closes`), or when others are not served.
Outcome OneAnswer(const HttpVictim& victim, const std::string& bytes, bool closes);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HTTP_VICTIM_H_
