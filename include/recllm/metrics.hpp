// Front door of evaluation: scores or ranked lists of many users -> figures with names, intervals and tests.
//
//   ranking_report sft({.catalogue = items, .cutoffs = {5, 10}, .shares = popular.scores()});
//   for (const question& user : users)
//     sft.rank(model.scores(user), {.relevant = user.next, .history = user.seen});
//   std::cout << sft                                         // a line for each of "recall@5", "ndcg@5", ...
//             << figure(sft, "ndcg@10").value                // one of them
//             << compare(grpo, sft, {.names = {"ndcg@10"}})  // difference, interval, p
//
// The formulas are those of measure/, each with its source; where libraries differ, ranking_settings has the
// choice and the figure's label says it. The whole catalogue is ranked without the history; a pool makes it
// candidate ranking. Of equal scores the smaller item number's ranks first.
#pragma once

#include <recllm/measure/auc.hpp>
#include <recllm/measure/comparison.hpp>
#include <recllm/measure/discovery.hpp>
#include <recllm/measure/diversity.hpp>
#include <recllm/measure/exposure.hpp>
#include <recllm/measure/history_distance.hpp>
#include <recllm/measure/newness.hpp>
#include <recllm/measure/novelty.hpp>
#include <recllm/measure/popularity.hpp>
#include <recllm/measure/ranking.hpp>
#include <recllm/measure/ranking_figures.hpp>
#include <recllm/measure/ranking_report.hpp>
#include <recllm/measure/ranking_settings.hpp>
#include <recllm/measure/serendipity.hpp>
#include <recllm/measure/soft_match.hpp>
#include <recllm/measure/statistics.hpp>
#include <recllm/measure/top_k.hpp>
#include <recllm/measure/topic_coverage.hpp>

namespace recllm {

// NOLINTBEGIN(misc-unused-using-decls)
using measure::bootstrap_interval;
using measure::compare;
using measure::comparison_options;
using measure::excluding;
using measure::excluding_none;
using measure::figure;
using measure::figures;
using measure::ranking_comparison;
using measure::ranking_difference;
using measure::ranking_figure;
using measure::ranking_measure;
using measure::ranking_question;
using measure::ranking_report;
using measure::ranking_settings;
using measure::ranking_values;
using measure::top_k;
using measure::top_k_of;
// NOLINTEND(misc-unused-using-decls)

}  // namespace recllm
