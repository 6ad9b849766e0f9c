#ifndef MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HONEST_READER_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HONEST_READER_H_

#include <optional>
#include <string>
#include <thread>

#include "tools/mirror_harness/attack/honest_source.h"
#include "tools/mirror_harness/attack/http_line.h"
#include "tools/mirror_harness/attack/http_victim.h"

namespace mirror::harness {

/// A client of the door for JSON that does nothing wrong: an upsert, then its reading, again and again on one
/// connection, each timed, while others attack. Threads: one of its own; tally(): any.
class HonestReader {
 public:
  /// A call that takes longer is a failure: kHttpPatience.
  explicit HonestReader(const HttpVictim& victim);
  ~HonestReader() = default;
  HonestReader(const HonestReader&) = delete;
  HonestReader& operator=(const HonestReader&) = delete;

  ServedTally& tally() { return tally_; }

 private:
  void Run(const std::stop_token& stop);
  void Call(const std::string& request);
  /// Status 0 where there is no connection, or no answer in time.
  HttpSaid Once(const std::string& request);

  const HttpVictim& victim_;
  std::optional<HttpLine> line_;
  ServedTally tally_;
  std::jthread running_;
};

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HONEST_READER_H_
