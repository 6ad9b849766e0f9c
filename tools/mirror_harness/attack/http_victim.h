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

/// More time than a correct request needs on a busy machine. A client that waits longer counts as not served.
inline constexpr std::chrono::seconds kHttpPatience(5);

/// A storage at an HTTP door that this run makes. Its rows are so large that an answer can be read slowly.
/// Threads: any for the const members.
class HttpVictim {
 public:
  HttpVictim(HttpDoorPlace door, std::string storage)
      : door_(std::move(door)), storage_(std::move(storage)) {}
  /// Deletes the storage.
  ~HttpVictim();
  HttpVictim(const HttpVictim&) = delete;
  HttpVictim& operator=(const HttpVictim&) = delete;

  /// Makes and fills the storage. Errors: the reason why it cannot be attacked.
  absl::Status Prepare();

  const HttpDoorPlace& door() const { return door_; }
  const std::string& storage() const { return storage_; }
  std::string PartnersPath() const;
  /// Returns a body with one partner.
  static std::string Partner(std::string_view external_id, std::string_view city);

  /// Return requests with the attackers' key.
  std::string Upsert(const HttpLine::Fields& more, std::string_view body) const;
  std::string Read(std::string_view path, const HttpLine::Fields& more = {}) const;
  /// Adds a fault to `outcome` if a new client, with or without a key, is not answered soon.
  Outcome Check(Outcome outcome) const;
  /// Returns, for an attack that still runs, OK, or OPEN with a fault as Check() adds it.
  Outcome ServedBeside(std::string words) const;
  /// Adds a fault to `outcome` if the attackers' key is not accepted again.
  Outcome CheckAttackersKey(Outcome outcome) const;

 private:
  std::string Fault() const;
  std::string AttackersFault() const;
  absl::Status Ask(std::string_view method, std::string_view path, std::string_view body, int expected) const;

  const HttpDoorPlace door_;
  const std::string storage_;
  bool made_ = false;
};

/// Makes an outcome from the status and the message of an answer.
Outcome OutcomeOf(const HttpSaid& said, bool is_open = true);

/// Sends the bytes on a new connection and returns the answer. It has a fault if more bytes follow, if
/// `closes` is set and the connection stays open, or if others are not served.
Outcome OneAnswer(const HttpVictim& victim, const std::string& bytes, bool closes);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HTTP_VICTIM_H_
