#ifndef MIRROR_TOOLS_MIRRORCTL_OVERVIEW_H_
#define MIRROR_TOOLS_MIRRORCTL_OVERVIEW_H_

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/interruption.h"
#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/admin_output.h"
#include "tools/mirrorctl/admin/console.h"

namespace mirror {

/// What one of several servers answered.
template <typename Answer>
struct ServerAnswer {
  std::string server;  ///< The address of its administration, as its configuration has it.
  Answer answer;
};

/// The servers of several configurations, asked by one command. Threads: one.
class Overview {
 public:
  /// Opens each configuration. `console` gets the reason for each that cannot be opened, and exit code 2.
  /// `interruption` ends the calls, which also have little time then; null: nothing does. Both outlive this.
  Overview(const std::vector<std::string>& configs, const Interruption* interruption, Console& console);

  /// Asks all servers at the same time. Returns the answers in the order of the configurations. `console`
  /// gets the reason for each server that gave none, and exit code 1. NOT_FOUND is no failure as long as
  /// another server answers: what was asked for is there.
  template <typename Answer>
  std::vector<ServerAnswer<Answer>> Ask(
      const std::function<absl::StatusOr<Answer>(AdminClient&)>& ask) const {
    std::vector<std::optional<absl::StatusOr<Answer>>> given(servers_.size());
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < servers_.size(); ++i) {
        threads.emplace_back([this, &given, &ask, i] { given[i] = ask(*servers_[i].client); });
      }
    }
    std::vector<absl::Status> statuses;
    std::vector<ServerAnswer<Answer>> answers;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      statuses.push_back(given[i]->status());
      if (given[i]->ok()) answers.push_back({servers_[i].address, **std::move(given[i])});
    }
    TellFailures(statuses);
    return answers;
  }

  /// "at 3 servers", "at 2 of 3 servers", when so many answered.
  std::string Where(std::size_t answered) const;

 private:
  struct Server {
    std::string address;
    std::unique_ptr<AdminClient> client;  ///< Never null.
  };

  /// `statuses`: one for each server.
  void TellFailures(const std::vector<absl::Status>& statuses) const;

  Console& console_;
  std::size_t named_ = 0;  ///< By configurations, also those that cannot be opened.
  std::vector<Server> servers_;
};

/// Merges the lines of all answers into one list, in the order of what `place` gives for a line, and where
/// that is equal in the order of the servers. `lines`: gives the repeated field of an answer.
template <typename Answer, typename Lines, typename Place>
LineServers MergeLines(std::vector<ServerAnswer<Answer>>* answers, Lines lines, Place place, Answer* merged) {
  using Message = typename std::remove_reference_t<decltype(*lines(merged))>::value_type;
  struct Line {
    std::invoke_result_t<Place, const Message&> place;
    const std::string* server;
    Message* message;
  };
  std::vector<Line> found;
  for (ServerAnswer<Answer>& one : *answers) {
    for (Message& message : *lines(&one.answer)) found.push_back({place(message), &one.server, &message});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Line& one, const Line& other) { return one.place < other.place; });
  LineServers servers;
  for (const Line& line : found) {
    *lines(merged)->Add() = std::move(*line.message);
    servers.push_back(*line.server);
  }
  return servers;
}

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_OVERVIEW_H_
