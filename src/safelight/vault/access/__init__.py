"""Access rules: who may do what with which model or study, as Cedar policies.

`policy_folder` reads and checks policies, `rules` decides, `explanation` says why, `test_cases`
tests policies. Denied unless permitted; a forbidding policy overrides every permitting one.
"""
